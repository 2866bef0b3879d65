"""The figures behind the gates, on images whose noise, ghosts and sides are known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.phantom import make_visit
from segmentation.prepare import accept_prepared
from segmentation.rigid_levels import turned_left_right
from segmentation.scan_quality import (
    brain_volume_gates,
    coverage_gates,
    ghosting_percent,
    image_gates,
    mask_overlap_gate,
    mirror_gate,
    signal_to_noise,
    structure_gates,
)
from segmentation.types import SEQUENCES, BrainScan
from tests.segmentation import simple_head

SPACING_MM = (2.0, 2.0, 4.0)


def ball(radius: float) -> np.ndarray:
    z, y, x = np.ogrid[-20:20, -60:60, -50:50]
    inside: np.ndarray = (2 * z) ** 2 + y**2 + x**2 < radius**2
    return inside


def test_noise_is_measured_to_a_tenth() -> None:
    brain = ball(32)
    noise = np.random.default_rng(1).normal(0, 5, brain.shape)
    values = (brain * 100 + noise).astype(np.float32)
    assert signal_to_noise(values, brain, SPACING_MM) == pytest.approx(20.0, rel=0.1)


def test_a_noisy_series_fails_its_gate_in_words() -> None:
    brain = ball(32)
    values = (brain * 100 + np.random.default_rng(2).normal(0, 40, brain.shape)).astype(np.float32)
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(brain.astype(np.uint8))
    gates = {gate.name: gate for gate in image_gates("T2", image, mask, sitk.Transform(3, sitk.sitkIdentity))}
    assert not gates["snr t2"].passed
    assert "only" in gates["snr t2"].message


def test_a_bottle_of_water_and_mere_noise_have_not_the_structure_of_a_brain() -> None:
    brain = ball(32)
    shading = 1 + 0.3 * np.sin(np.linspace(0, 3, brain.shape[1]))[None, :, None]
    bottle = brain * 800 * shading + np.random.default_rng(4).normal(0, 20, brain.shape)
    noise = np.random.default_rng(5).integers(0, 60, brain.shape)
    for values in (bottle, noise):
        (gate,) = structure_gates(dict.fromkeys(SEQUENCES, image_of(values)), image_of(brain) > 0)
        assert not gate.passed
        assert "not a head" in gate.message


def test_a_head_has_the_structure_of_a_brain() -> None:
    scan = make_visit(7, 1, spacing_mm=2.0).scan
    images = {name: getattr(scan, name) for name in SEQUENCES}
    brain = sitk.BinaryErode(scan.t1ce > float(np.median(sitk.GetArrayViewFromImage(scan.t1ce))), [3, 3, 3])
    (gate,) = structure_gates(images, brain)
    assert gate.passed


def image_of(values_zyx: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(values_zyx.astype(np.float32))
    image.SetSpacing((1.0, 1.0, 2.0))
    return image


def test_ghosts_along_one_axis_are_seen_and_noise_is_not() -> None:
    brain = ball(32)
    noise = np.abs(np.random.default_rng(3).normal(0, 5, brain.shape))
    still = (brain * 100 + noise).astype(np.float32)
    clean = ghosting_percent(still, brain, SPACING_MM)
    ghost = 0.2 * np.roll(brain * 100, 60, axis=1)
    moved = ghosting_percent((still + ghost).astype(np.float32), brain, SPACING_MM)
    assert clean is not None
    assert moved is not None
    assert clean < 0.5
    assert moved > 5.0


def test_a_field_of_view_without_air_says_nothing_about_ghosts() -> None:
    brain = ball(32)[:, 30:90, 20:80]
    assert ghosting_percent(brain.astype(np.float32) * 100, brain, SPACING_MM) is None


@pytest.mark.parametrize(
    ("volume_ml", "passed"), [(1400.0, (True, True)), (480.0, (True, False)), (90.0, (False, False))]
)
def test_a_brain_of_unusual_size_is_doubted_and_an_impossible_one_refused(
    volume_ml: float, passed: tuple[bool, bool]
) -> None:
    assert tuple(gate.passed for gate in brain_volume_gates(volume_ml)) == passed


def test_figures_on_the_wrong_side_of_their_limits_fail() -> None:
    assert [gate.passed for gate in coverage_gates("FLAIR", 0.8)] == [True, False]
    assert [gate.passed for gate in coverage_gates("FLAIR", 0.3)] == [False, False]
    assert not mask_overlap_gate(0.7).passed
    assert not mirror_gate("T2", 1.2).passed
    assert mirror_gate("T2", 0.91).passed


def test_a_mirrored_series_among_prepared_images_is_named_and_no_other() -> None:
    grid = simple_head.grid((2.0, 2.0, 2.0))
    mask = simple_head.brain_mask(grid)
    images = {name: sitk.Mask(simple_head.sample(name, grid), mask) for name in SEQUENCES}
    images["t2"] = turned_left_right(images["t2"])
    prepared = accept_prepared(BrainScan(**images))
    failed = [gate.name for gate in prepared.gates if not gate.passed and gate.kind == "mirror"]
    assert failed == ["mirror t2"]
    assert any("T2 fits T1CE better when mirrored" in warning for warning in prepared.warnings)
