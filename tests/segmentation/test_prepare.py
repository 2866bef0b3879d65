"""The whole preparation: refusals by name, already prepared images, and a real head as acquired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.brain_mask import agreement
from segmentation.errors import BadGeometryError, BadInputError
from segmentation.prepare import accept_prepared, prepare
from segmentation.types import SEQUENCES, BrainScan, PreparedScan
from tests.segmentation import simple_head

SMALL_GRID = simple_head.grid((2.5, 2.5, 2.5))


@pytest.fixture(scope="module")
def stripped() -> BrainScan:
    """Four skull-stripped images on one grid."""
    mask = simple_head.brain_mask(SMALL_GRID)
    return BrainScan(**{name: sitk.Mask(simple_head.sample(name, SMALL_GRID), mask) for name in SEQUENCES})


def test_prepared_images_are_taken_as_they_are(stripped: BrainScan) -> None:
    prepared = accept_prepared(stripped)
    assert agreement(prepared.brain_mask, simple_head.brain_mask(SMALL_GRID)) > 0.999
    for name in SEQUENCES:
        taken = getattr(prepared, name)
        assert taken.GetPixelID() == sitk.sitkFloat32
        assert np.array_equal(sitk.GetArrayFromImage(taken), sitk.GetArrayFromImage(getattr(stripped, name)))
    assert prepared.t1ce_grid is stripped.t1ce


def test_prepared_images_on_two_grids_are_refused_by_name(stripped: BrainScan) -> None:
    shifted = sitk.Image(stripped.flair)
    shifted.SetOrigin(np.add(shifted.GetOrigin(), (0.0, 0.0, 2.0)).tolist())
    with pytest.raises(BadGeometryError, match=r"The flair image is not on the grid of t1ce.*--input native"):
        accept_prepared(replace(stripped, flair=shifted))


def with_nan(image: sitk.Image) -> sitk.Image:
    spoiled = sitk.Image(image)
    spoiled[5, 5, 5] = float("nan")
    return spoiled


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (with_nan, "t2 images hold values that are not numbers"),
        (lambda image: image * 0, "t2 images are empty"),
        (lambda image: image[:, :, :5], "t2 series has only 5 slices"),
        (lambda image: image[:, :, :10], "t2 series covers only 25 mm"),
        (lambda image: image[:30, :30, :], "t2 images are only 30 x 30"),
    ],
)
def test_images_that_cannot_be_used_are_refused_by_name(
    stripped: BrainScan, spoil: object, words: str
) -> None:
    assert callable(spoil)
    with pytest.raises(BadInputError, match=words):
        prepare(replace(stripped, t2=spoil(stripped.t2)))


def test_a_wrong_voxel_size_is_refused_by_name(stripped: BrainScan) -> None:
    huge = sitk.Image(stripped.t1)
    huge.SetSpacing((30.0, 30.0, 30.0))
    with pytest.raises(BadGeometryError, match="t1 series would cover"):
        prepare(replace(stripped, t1=huge))


@pytest.fixture(scope="module")
def real_scan(shared_dir: Path) -> BrainScan:
    case = shared_dir / "data" / "native" / "TCGA-FG-6692"
    return BrainScan(**{name: sitk.ReadImage(str(case / f"{name}.nii.gz")) for name in SEQUENCES})


@pytest.fixture(scope="module")
def real_prepared(real_scan: BrainScan) -> tuple[PreparedScan, list[str]]:
    said: list[str] = []
    return prepare(real_scan, said.append), said


@pytest.mark.shared
def test_a_real_scan_becomes_four_images_on_one_millimetre_grid(
    real_scan: BrainScan, real_prepared: tuple[PreparedScan, list[str]]
) -> None:
    prepared, said = real_prepared
    # In the scanner's coordinates none of them lies where T1CE does.
    assert [warning.split(" mm to fit T1CE")[0].rsplit(" ", 1)[0] for warning in prepared.warnings] == [
        "T1 was moved by up to",
        "T2 was moved by up to",
        "FLAIR was moved by up to",
    ]
    assert prepared.t1ce_grid is real_scan.t1ce
    assert set(prepared.seconds) == {"check", "brain", "register", "refine brain", "resample", "quality"}
    assert len(said) == len(prepared.seconds)
    outside = sitk.GetArrayFromImage(prepared.brain_mask) == 0
    for name in SEQUENCES:
        image = getattr(prepared, name)
        assert image.GetSpacing() == (1.0, 1.0, 1.0)
        assert image.GetSize() == prepared.brain_mask.GetSize()
        assert not sitk.GetArrayFromImage(image)[outside].any()


@pytest.mark.shared
def test_the_brain_of_a_real_scan_is_the_one_others_found(
    shared_dir: Path, real_prepared: tuple[PreparedScan, list[str]]
) -> None:
    case = shared_dir / "data" / "native" / "TCGA-FG-6692"
    expected = sitk.ReadImage(str(case / "t1ce_brain_mask_hdbet.nii.gz"))
    mask = sitk.Cast(real_prepared[0].brain_mask, sitk.sitkFloat32)
    found = sitk.Resample(mask, expected, sitk.Transform(), sitk.sitkLinear, 0.0) > 0.5
    assert agreement(found, expected) > 0.96


@pytest.mark.shared
def test_the_moved_flair_of_a_real_scan_lies_on_its_t1ce(
    real_prepared: tuple[PreparedScan, list[str]],
) -> None:
    """The patient moved by some 15 degrees between the two; ventricles are dark on both."""
    prepared = real_prepared[0]
    mask = sitk.GetArrayFromImage(prepared.brain_mask) > 0
    dark = [_darkest(prepared, name, mask) for name in ("t1ce", "flair")]
    assert 2 * (dark[0] & dark[1]).sum() / (dark[0].sum() + dark[1].sum()) > 0.6


def _darkest(prepared: PreparedScan, name: str, mask: np.ndarray) -> np.ndarray:
    """The darkest voxels well inside the brain: fluid of the ventricles."""
    deep = sitk.GetArrayFromImage(sitk.BinaryErode(prepared.brain_mask, [20] * 3)) > 0
    values = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(getattr(prepared, name), 2.0))
    return deep & mask & (values < np.percentile(values[deep], 4))
