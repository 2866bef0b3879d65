from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.degrade import Degradation, degraded
from segmentation.gates import judged
from segmentation.geometry import onto_grid
from segmentation.image_quality import image_quality
from segmentation.intensity import network_input
from segmentation.native import IDENTITY
from segmentation.types import SEQUENCES
from tests.segmentation.cascade_cases import SIZE_ZYX, ball_zyx, prepared_scan, with_image, with_voxels


def quality_of(scan, gates=()):
    return image_quality(network_input(scan), gates)


def smooth_scan():
    """Grey values that run in waves: no noise at all."""
    z, y, x = np.indices(SIZE_ZYX)
    waves_zyx = 100 + 10 * np.sin(z / 6) + 10 * np.cos(y / 7) + 10 * np.sin(x / 8)
    scan = prepared_scan()
    for name in SEQUENCES:
        scan = with_voxels(scan, name, np.where(ball_zyx(), waves_zyx, 0))
    return scan


@pytest.mark.parametrize("axis_xyz", [0, 1, 2])
@pytest.mark.parametrize("thickness", [3, 5])
def test_thick_slices_laid_on_cubes_are_told_whichever_way_they_run(axis_xyz, thickness):
    scan = prepared_scan()
    factors = [thickness if axis == axis_xyz else 1 for axis in range(3)]
    laid_out = onto_grid(sitk.BinShrink(scan.t1ce, factors), scan.t1ce, IDENTITY)
    inside = sitk.Cast(scan.brain_mask, sitk.sitkFloat32)
    assert quality_of(with_image(scan, "t1ce", laid_out * inside)).is_coarse


def test_cubes_are_not_coarse_nor_are_smooth_ones():
    scan = prepared_scan()
    assert not quality_of(scan).is_coarse
    assert not quality_of(with_image(scan, "t1ce", sitk.DiscreteGaussian(scan.t1ce, 1.0))).is_coarse


@pytest.mark.parametrize("deviation", [5.0, 15.0, 30.0])
def test_noise_is_measured_against_the_deviation_of_the_brain(deviation):
    scan = smooth_scan()
    rng = np.random.default_rng(3)
    clean_zyx = sitk.GetArrayFromImage(scan.t1ce)
    brain_deviation = clean_zyx[ball_zyx()].std()
    for name in SEQUENCES:
        noise_zyx = deviation * rng.standard_normal(SIZE_ZYX)
        scan = with_voxels(scan, name, np.where(ball_zyx(), clean_zyx + noise_zyx, 0))
    expected = deviation / np.hypot(deviation, brain_deviation)
    assert quality_of(scan).noise == pytest.approx(expected, rel=0.1)


def test_smooth_images_have_hardly_any_noise():
    assert quality_of(smooth_scan()).noise < 0.05


def test_only_gates_that_failed_and_speak_of_the_images_count_each_kind_once():
    failed = [judged(f"snr {name}", 2.0, "x", (5.0, None), "Noisy.") for name in ("t1", "t2")]
    passed = judged("similarity t1", 1.2, "x", (0.97, None), "Fits.")
    size = judged("brain_volume_usual", 700.0, "mL", (800.0, 2000.0), "Small.")
    assert quality_of(prepared_scan(), [*failed, passed, size]).failed_gates == ("snr",)


def test_what_is_degraded_is_found_degraded():
    scan = smooth_scan()
    assert quality_of(degraded(scan, Degradation.NOISE, "a")).noise > 0.3
    assert quality_of(degraded(prepared_scan(), Degradation.THICK, "a")).is_coarse


def test_degrading_keeps_the_brain_and_is_the_same_each_time():
    scan = prepared_scan()
    for kind in Degradation:
        once, again = (degraded(scan, kind, "a") for _ in range(2))
        for name in SEQUENCES:
            voxels_zyx = sitk.GetArrayFromImage(getattr(once, name))
            assert np.array_equal(voxels_zyx, sitk.GetArrayFromImage(getattr(again, name)))
            assert np.array_equal(voxels_zyx != 0, sitk.GetArrayFromImage(getattr(scan, name)) != 0)
    assert degraded(scan, Degradation.NONE, "a") is scan


def test_misaligned_sequences_leave_t1ce_where_it_was():
    scan = replace(smooth_scan())
    moved = degraded(scan, Degradation.MISALIGNED, "a")
    assert moved.t1ce is scan.t1ce
    shift = np.abs(sitk.GetArrayFromImage(moved.t2) - sitk.GetArrayFromImage(scan.t2))
    assert shift[ball_zyx(12)].mean() > 0.5


def test_thick_slices_keep_the_mean_of_a_smooth_image():
    scan = smooth_scan()
    thick_zyx = sitk.GetArrayFromImage(degraded(scan, Degradation.THICK, "b").flair)
    inner = ball_zyx(12)
    assert thick_zyx[inner].mean() == pytest.approx(
        sitk.GetArrayFromImage(scan.flair)[inner].mean(), rel=0.01
    )
