"""The phantom tells the truth about itself: volumes, geometry, grey levels and the story of three visits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.phantom import PhantomVisit, make_prepared_case, make_visit, write_case
from segmentation.phantom.anatomy import make_anatomy
from segmentation.types import SEQUENCES, Phase, Tissue

COARSE_MM = 2.5
SEED = 1


@pytest.fixture(scope="module")
def visits() -> dict[int, PhantomVisit]:
    return {number: make_visit(SEED, number, spacing_mm=COARSE_MM) for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def prepared() -> dict[str, np.ndarray]:
    """A case before surgery as arrays by sequence, and its labels."""
    scan, truth = make_prepared_case(SEED, visit=1, spacing_mm=1.5)
    arrays = {name: sitk.GetArrayFromImage(getattr(scan, name)) for name in SEQUENCES}
    arrays["labels"] = sitk.GetArrayFromImage(truth)
    arrays["brain"] = sitk.GetArrayFromImage(scan.brain_mask)
    return arrays


def median_of(case: dict[str, np.ndarray], sequence: str, label: Tissue) -> float:
    return float(np.median(case[sequence][case["labels"] == label]))


def white_matter_of(case: dict[str, np.ndarray], sequence: str) -> float:
    """Of healthy brain, the brighter half on T1 is white matter."""
    healthy = (case["brain"] > 0) & (case["labels"] == 0)
    bright = healthy & (case["t1"] > np.percentile(case["t1"][healthy], 65))
    return float(np.median(case[sequence][bright]))


def fluid_of(case: dict[str, np.ndarray], sequence: str) -> float:
    """The brightest healthy voxels on T2 are CSF."""
    healthy = (case["brain"] > 0) & (case["labels"] == 0)
    return float(np.median(case[sequence][healthy & (case["t2"] > np.percentile(case["t2"][healthy], 96))]))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_volumes_are_the_voxels_of_the_label_map(visits: dict[int, PhantomVisit], number: int) -> None:
    visit = visits[number]
    labels = sitk.GetArrayFromImage(visit.truth)
    voxel_ml = COARSE_MM**3 / 1000
    assert visit.volumes_ml["WT"] == pytest.approx((labels > 0).sum() * voxel_ml)
    assert visit.volumes_ml["TC"] == pytest.approx(np.isin(labels, (1, 4)).sum() * voxel_ml)
    assert visit.volumes_ml["ET"] == pytest.approx((labels == 4).sum() * voxel_ml)
    assert visit.volumes_ml["WT"] > visit.volumes_ml["TC"] > visit.volumes_ml["ET"] > 0
    assert set(np.unique(labels)) == {0, 1, 2, 4}


def test_the_tumour_lies_in_the_brain(visits: dict[int, PhantomVisit]) -> None:
    for visit in visits.values():
        labels, brain = sitk.GetArrayFromImage(visit.truth), sitk.GetArrayFromImage(visit.brain_mask)
        assert (brain[labels > 0] == 1).mean() > 0.97


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_patient() -> None:
    first = make_visit(SEED, 2, spacing_mm=5.0)
    make_anatomy.cache_clear()
    again, other = make_visit(SEED, 2, spacing_mm=5.0), make_visit(SEED + 1, 2, spacing_mm=5.0)
    for name in SEQUENCES:
        scanned = sitk.GetArrayFromImage(getattr(first.scan, name)).tobytes()
        assert scanned == sitk.GetArrayFromImage(getattr(again.scan, name)).tobytes()
        assert scanned != sitk.GetArrayFromImage(getattr(other.scan, name)).tobytes()
    assert sitk.GetArrayFromImage(first.truth).tobytes() == sitk.GetArrayFromImage(again.truth).tobytes()
    assert first.volumes_ml != other.volumes_ml


def test_each_series_has_its_own_grid_in_one_frame(visits: dict[int, PhantomVisit]) -> None:
    before, after = visits[1].scan, visits[2].scan
    assert before.t1.GetSpacing()[2] == pytest.approx(5.0)
    assert before.t1ce.GetSpacing() == pytest.approx((COARSE_MM,) * 3)
    assert before.t2.GetSpacing()[2] == pytest.approx(COARSE_MM)
    assert after.t2.GetSpacing()[2] == pytest.approx(5.0)
    directions = {getattr(before, name).GetDirection() for name in SEQUENCES}
    assert len(directions) == 4
    for image in (before.t1, before.t1ce, before.t2, before.flair):
        assert image.GetPixelID() == sitk.sitkInt16
        assert np.linalg.det(np.array(image.GetDirection()).reshape(3, 3)) == pytest.approx(1.0)


def test_the_truth_lies_on_the_t1ce_grid(visits: dict[int, PhantomVisit]) -> None:
    truth, t1ce = visits[1].truth, visits[1].scan.t1ce
    assert truth.GetSize() == t1ce.GetSize()
    assert truth.GetOrigin() == t1ce.GetOrigin()
    assert truth.GetDirection() == t1ce.GetDirection()
    assert truth.GetPixelID() == sitk.sitkUInt8


def test_series_of_one_visit_show_the_same_head_within_their_motion(visits: dict[int, PhantomVisit]) -> None:
    scan = visits[1].scan
    centres = []
    for name in SEQUENCES:
        head = getattr(scan, name) > 40
        centres.append(np.array(sitk.GetArrayFromImage(sitk.Resample(head, scan.t1ce))).nonzero())
    on_x = [centre[0].mean() * COARSE_MM for centre in centres]
    assert np.ptp(on_x) < 6.0


def test_fluid_is_dark_on_flair_and_bright_on_t2(prepared: dict[str, np.ndarray]) -> None:
    assert fluid_of(prepared, "flair") < 0.5 * white_matter_of(prepared, "flair")
    assert fluid_of(prepared, "t2") > 1.6 * white_matter_of(prepared, "t2")
    assert fluid_of(prepared, "t1") < 0.7 * white_matter_of(prepared, "t1")


def test_oedema_is_bright_on_flair_and_t2_and_dark_on_t1(prepared: dict[str, np.ndarray]) -> None:
    for sequence in ("flair", "t2"):
        assert median_of(prepared, sequence, Tissue.OEDEMA) > 1.2 * white_matter_of(prepared, sequence)
    assert median_of(prepared, "t1", Tissue.OEDEMA) < white_matter_of(prepared, "t1")


def test_only_the_rim_takes_up_contrast(prepared: dict[str, np.ndarray]) -> None:
    def uptake(label: Tissue) -> float:
        after = median_of(prepared, "t1ce", label) / white_matter_of(prepared, "t1ce")
        return after / (median_of(prepared, "t1", label) / white_matter_of(prepared, "t1"))

    assert uptake(Tissue.ENHANCING) > 1.5
    assert uptake(Tissue.OEDEMA) < 1.1


def test_surgery_leaves_a_cavity_of_fluid_with_less_oedema(visits: dict[int, PhantomVisit]) -> None:
    before, after = visits[1], visits[2]
    labels = sitk.GetArrayFromImage(after.truth)
    t1ce = sitk.GetArrayFromImage(after.scan.t1ce)
    cavity, rim = t1ce[labels == Tissue.NONENHANCING_CORE], t1ce[labels == Tissue.ENHANCING]
    assert np.median(cavity) < 0.5 * np.median(rim)
    assert after.volumes_ml["ET"] < 0.5 * before.volumes_ml["ET"]
    oedema = [visit.volumes_ml["WT"] - visit.volumes_ml["TC"] for visit in (before, after)]
    assert oedema[1] < 0.8 * oedema[0]
    assert (before.phase, after.phase) == (Phase.PREOP, Phase.POSTOP)


def test_the_tumour_grows_back_at_the_third_visit(visits: dict[int, PhantomVisit]) -> None:
    assert visits[3].volumes_ml["ET"] > 1.8 * visits[2].volumes_ml["ET"]
    assert visits[3].volumes_ml["WT"] > visits[2].volumes_ml["WT"]
    assert [visits[n].days_since_first for n in (1, 2, 3)] == [0, 72, 151]


def test_a_fourth_visit_is_refused() -> None:
    with pytest.raises(ValueError, match="visits 1, 2 and 3"):
        make_visit(SEED, 4, spacing_mm=5.0)


def test_a_prepared_case_is_stripped_and_on_one_grid() -> None:
    scan, truth = make_prepared_case(5, visit=3, spacing_mm=3.0)
    outside = sitk.GetArrayFromImage(scan.brain_mask) == 0
    for name in SEQUENCES:
        image = getattr(scan, name)
        assert image.GetSize() == truth.GetSize()
        assert image.GetDirection() == truth.GetDirection()
        values = sitk.GetArrayFromImage(image)
        assert not values[outside].any()
        assert values[~outside].std() > 0


def test_seeds_differ_in_place_and_size() -> None:
    volumes, centres = [], []
    for seed in range(10, 16):
        truth = sitk.GetArrayFromImage(make_prepared_case(seed, visit=1, spacing_mm=3.0)[1])
        volumes.append((truth > 0).sum() * 0.027)
        centres.append(np.argwhere(truth > 0).mean(axis=0) * 3.0)
    assert min(volumes) > 5
    assert max(volumes) > 1.5 * min(volumes)
    assert np.ptp(np.array(centres), axis=0).max() > 25


def test_a_visit_is_written_as_a_case_folder(visits: dict[int, PhantomVisit], tmp_path: Path) -> None:
    write_case(visits[2], tmp_path / "case")
    assert {path.name for path in (tmp_path / "case").iterdir()} == {
        "t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz", "flair.nii.gz", "seg.nii.gz"
    }  # fmt: skip
    labels = sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "case" / "seg.nii.gz"))
    assert (labels == sitk.GetArrayFromImage(visits[2].truth)).all()
