"""Simulated resections: the cavity is core, dark where it should be, and nothing lies outside the brain."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.case_folder import read_case_note
from segmentation.command_line import main
from segmentation.errors import BadInputError
from segmentation.phantom import make_prepared_case
from segmentation.training.dataset import held_out_patients, patient_of, split_cases
from segmentation.training.resection import Visit, read_cavity_shapes, simulate_resection
from segmentation.types import SEQUENCES, Phase, Tissue
from tests.segmentation.training_cases import ball_case

BALL = (np.indices((15, 15, 15)) - 7).astype(float)
SHAPE = np.sqrt((BALL**2).sum(0)) < 7


@pytest.fixture(scope="module")
def before() -> Visit:
    scan, truth = make_prepared_case(3, visit=1, spacing_mm=2.0)
    images = {name: sitk.GetArrayFromImage(getattr(scan, name)).astype(np.float32) for name in SEQUENCES}
    return Visit(images, sitk.GetArrayFromImage(truth).astype(np.uint8))


@pytest.fixture(scope="module", params=range(4))
def after(request: pytest.FixtureRequest, before: Visit) -> Visit:
    return simulate_resection(before, [SHAPE], np.random.default_rng(request.param))


def test_the_cavity_is_labelled_as_core_and_looks_like_fluid(before: Visit, after: Visit) -> None:
    new_core = (after.labels_zyx == Tissue.NONENHANCING_CORE) & (before.labels_zyx == Tissue.ENHANCING)
    assert (after.labels_zyx == Tissue.NONENHANCING_CORE).sum() > 300
    assert new_core.any()
    changed = np.abs(after.images_zyx["t2"] - before.images_zyx["t2"])[new_core]
    assert np.median(changed) > 0.1 * before.images_zyx["t2"].std()


def test_the_brain_keeps_its_edge_and_the_labels_stay_inside(after: Visit) -> None:
    for image in after.images_zyx.values():
        assert np.array_equal(image != 0, after.brain_zyx)
        assert np.isfinite(image).all()
    assert not after.labels_zyx[~after.brain_zyx].any()
    assert set(np.unique(after.labels_zyx)) <= {0, 1, 2, 4}


def test_far_from_the_cavity_nothing_changes(before: Visit, after: Visit) -> None:
    middle = np.reshape([np.mean(axis) for axis in np.nonzero(before.labels_zyx)], (3, 1, 1, 1))
    far = np.sqrt(((np.indices(before.labels_zyx.shape) - middle) ** 2).sum(0)) > 45
    assert (far & before.brain_zyx).any()
    # Values below 1 are raised: zero means no brain.
    expected = np.where(before.brain_zyx, np.maximum(before.images_zyx["flair"], 1), 0)
    assert np.allclose(expected[far], after.images_zyx["flair"][far])


def test_one_seed_has_one_result(before: Visit) -> None:
    one, same, other = (
        simulate_resection(before, [SHAPE], np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(one.images_zyx["t1ce"], same.images_zyx["t1ce"])
    assert not np.array_equal(one.images_zyx["t1ce"], other.images_zyx["t1ce"])


def test_a_brain_without_tumour_is_refused(before: Visit) -> None:
    with pytest.raises(BadInputError, match="no tumour to resect"):
        simulate_resection(
            Visit(before.images_zyx, np.zeros_like(before.labels_zyx)), [SHAPE], np.random.default_rng(0)
        )


def test_the_command_writes_labelled_cases_that_say_what_they_are(tmp_path: Path) -> None:
    scan, truth = make_prepared_case(4, visit=1, spacing_mm=2.0)
    case = tmp_path / "cases" / "real"
    case.mkdir(parents=True)
    for name in SEQUENCES:
        sitk.WriteImage(sitk.Resample(getattr(scan, name), _fine(scan.t1ce)), str(case / f"{name}.nii.gz"))
    labels = sitk.Resample(truth, _fine(scan.t1ce), sitk.Transform(), sitk.sitkNearestNeighbor)
    sitk.WriteImage(labels, str(case / "seg.nii.gz"))
    outline = np.zeros((40, 40, 40), np.uint8)
    outline[5:20, 5:20, 5:20] = np.where(SHAPE, 4, 2)
    (tmp_path / "shapes").mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(outline), str(tmp_path / "shapes" / "one.nii.gz"))
    words = [
        "simulate-postop",
        str(tmp_path / "cases"),
        str(tmp_path / "out"),
        "--shapes",
        str(tmp_path / "shapes"),
    ]
    assert main([*words, "--processes", "1"]) == 0
    made = tmp_path / "out" / "real-postop1"
    note = read_case_note(made)
    assert (note.phase, note.source, note.simulated) == (Phase.POSTOP, "real", True)
    assert patient_of(made) == "real"
    assert (made / "seg.nii.gz").is_file()


def test_a_folder_without_cavities_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((9, 9, 9), np.uint8)), str(tmp_path / "a.nii.gz"))
    with pytest.raises(BadInputError, match="resection cavity"):
        read_cavity_shapes(tmp_path)


def test_a_note_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"phase": "during"}))
    with pytest.raises(BadInputError, match=r"case\.json"):
        read_case_note(tmp_path)


def test_a_simulated_case_stays_on_the_side_of_the_one_it_was_made_from() -> None:
    from dataclasses import replace

    cases = [ball_case(seed, 16) for seed in range(6)]
    made = [replace(case, name=f"{case.name}-postop1", source=case.name) for case in cases]
    split = split_cases([*cases, *made], 0.34, seed=1)
    assert len(split.validation) == 4
    assert not {c.patient for c in split.training} & {c.patient for c in split.validation}


def test_every_patient_is_held_out_by_exactly_one_fold() -> None:
    names = [f"p{number}" for number in range(11)]
    folds = [held_out_patients(names, 3, fold, seed=0) for fold in range(3)]
    assert sorted(name for fold in folds for name in fold) == sorted(names)
    with pytest.raises(BadInputError, match="no fold 3"):
        held_out_patients(names, 3, 3, seed=0)


def _fine(image: sitk.Image) -> sitk.Image:
    """A 1 mm grid over the same space, small."""
    size = [round(n * s) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetOrigin(image.GetOrigin())
    grid.SetDirection(image.GetDirection())
    return grid
