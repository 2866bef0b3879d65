"""Rigid registration against a motion that is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.ants_registration import register_with_ants
from segmentation.errors import BadGeometryError
from segmentation.geometry import corners_mm, crop, foreground_box, largest_distance_mm
from segmentation.registration import RigidFit, RigidRegistration, one_thread
from segmentation.rigid_levels import turned_left_right
from tests.segmentation import simple_head

FINE_MM = (2.0, 2.0, 2.0)
THICK_MM = (1.8, 1.8, 5.0)
MOTION = simple_head.pose((0.09, -0.07, 0.12), (7.0, -6.0, 9.0))


@pytest.fixture(scope="module")
def registration() -> RigidRegistration:
    fixed_grid = simple_head.grid(FINE_MM)
    with one_thread():
        return RigidRegistration(simple_head.sample("t1ce", fixed_grid), simple_head.brain_mask(fixed_grid))


def fitted(registration: RigidRegistration, moving: sitk.Image) -> RigidFit:
    with one_thread():
        return registration.fit(moving, "T2")


def error_mm(registration: RigidRegistration, transform: sitk.Transform) -> float:
    return largest_distance_mm(transform, MOTION, corners_mm(registration.brain_box))


def test_a_known_motion_is_found_across_contrasts_and_thick_oblique_slices(
    registration: RigidRegistration,
) -> None:
    moving = simple_head.sample("t2", simple_head.grid(THICK_MM, tilt_rad=0.2), MOTION, seed=1)
    fit = fitted(registration, moving)
    assert error_mm(registration, fit.transform) < 0.5
    assert fit.method == "SimpleITK"
    assert fit.sure
    assert fit.information > 1.5 * fit.information_before
    assert fit.mirror_likeness < 0.9
    assert 10 < fit.moved_mm < 40


def test_the_same_images_give_the_same_transform_to_the_last_bit(registration: RigidRegistration) -> None:
    moving = simple_head.sample("flair", simple_head.grid(THICK_MM), MOTION, seed=2)
    first, second = fitted(registration, moving), fitted(registration, moving)
    assert first.transform.GetParameters() == second.transform.GetParameters()
    assert first.information == second.information


def test_a_series_in_another_frame_of_reference_is_found_by_its_centre_of_mass(
    registration: RigidRegistration,
) -> None:
    moving = simple_head.sample("t1", simple_head.grid(THICK_MM), MOTION, seed=3)
    away_mm = np.array([300.0, -150.0, 800.0])
    moving.SetOrigin((np.array(moving.GetOrigin()) + away_mm).tolist())
    fit = fitted(registration, moving)
    back = sitk.TranslationTransform(3, (-away_mm).tolist())
    assert error_mm(registration, sitk.CompositeTransform([back, fit.transform])) < 1.0


def test_a_mirrored_series_fits_the_mirror_image_better(registration: RigidRegistration) -> None:
    moving = turned_left_right(simple_head.sample("t2", simple_head.grid(THICK_MM), MOTION, seed=4))
    assert fitted(registration, moving).mirror_likeness > 1.1


def test_the_worst_of_the_promised_motions_is_found_from_the_scanners_coordinates(
    registration: RigidRegistration,
) -> None:
    worst = simple_head.pose((0.10, 0.10, -0.10), (11.5, -11.5, 11.5))  # 10 degrees, 20 mm
    moving = simple_head.sample("flair", simple_head.grid(FINE_MM), worst, seed=8)
    transform = fitted(registration, moving).transform
    assert largest_distance_mm(transform, worst, corners_mm(registration.brain_box)) < 0.5


def test_noise_is_refused_by_name(registration: RigidRegistration) -> None:
    noise = sitk.GetImageFromArray(np.random.default_rng(5).random((30, 90, 80), dtype=np.float32) * 100)
    noise.SetSpacing((2.4, 2.4, 6.0))
    with pytest.raises(BadGeometryError, match="T2 could not be aligned"):
        fitted(registration, noise)


def test_the_second_method_reads_its_transform_in_the_same_direction() -> None:
    fixed_grid = simple_head.grid((3.0, 3.0, 3.0))
    mask = simple_head.brain_mask(fixed_grid)
    moving = simple_head.sample("t2", simple_head.grid((3.0, 3.0, 4.0)), MOTION, seed=6)
    transform = register_with_ants(simple_head.sample("t1ce", fixed_grid), moving, mask)
    assert largest_distance_mm(transform, MOTION, corners_mm(crop(mask, foreground_box(mask)))) < 2.0


def test_threads_are_given_back() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    with one_thread():
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
