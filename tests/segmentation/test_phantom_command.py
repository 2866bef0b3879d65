"""`manage.py phantom` writes studies that other rooms can read, and says the truth about them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import SimpleITK as sitk
from django.core.management import CommandError, call_command
from pydicom import dcmread

from orthanc.read import read_series
from review.management.commands import phantom as command
from segmentation.phantom import make_visit
from segmentation.types import SEQUENCES

COARSE_MM = 4.0


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same head in bigger voxels: the command itself takes a minute."""
    monkeypatch.setattr(command, "make_visit", partial(make_visit, spacing_mm=COARSE_MM))


def test_each_visit_becomes_a_study_of_four_series_of_one_patient(tmp_path: Path) -> None:
    call_command("phantom", tmp_path, visits=2, seed=3, patient_id="PHANTOM-0042")
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["patient_id"] == "PHANTOM-0042"
    for visit in truth["visits"]:
        headers = [
            dcmread(path, stop_before_pixels=True) for path in (tmp_path / visit["folder"]).rglob("*.dcm")
        ]
        assert {header.StudyInstanceUID for header in headers} == {visit["study_uid"]}
        assert len({header.SeriesInstanceUID for header in headers}) == 4
        assert {header.PatientID for header in headers} == {"PHANTOM-0042"}
        assert {header.StudyDate for header in headers} == {visit["study_date"].replace("-", "")}
    assert len({visit["study_uid"] for visit in truth["visits"]}) == 2


def test_the_written_truth_fits_the_series_that_orthanc_would_give_back(tmp_path: Path) -> None:
    call_command("phantom", tmp_path, visits=1, seed=3)
    visit = json.loads((tmp_path / "truth.json").read_text())["visits"][0]
    labels = sitk.ReadImage(tmp_path / visit["truth"])
    counted_ml = (sitk.GetArrayFromImage(labels) > 0).sum() * COARSE_MM**3 / 1000
    assert visit["volumes_ml"]["WT"] == pytest.approx(counted_ml, abs=1e-3)
    t1ce = read_series(sorted((tmp_path / "visit-1" / "09_t1ce").glob("*.dcm")))
    upright = sitk.DICOMOrient(t1ce, "LPS")
    expected = sitk.DICOMOrient(make_visit(3, 1, spacing_mm=COARSE_MM).scan.t1ce, "LPS")
    assert upright.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-3)
    assert (sitk.GetArrayFromImage(upright) == sitk.GetArrayFromImage(expected)).all()


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        call_command("phantom", tmp_path / name, visits=1, seed=3)
    for path in sorted((tmp_path / "a").rglob("*.dcm")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_nifti_gives_case_folders(tmp_path: Path) -> None:
    call_command("phantom", tmp_path, visits=1, seed=3, format="nifti")
    assert {path.name.split(".")[0] for path in (tmp_path / "visit-1").iterdir()} == {*SEQUENCES, "seg"}


@pytest.mark.parametrize("words", [("--visits", "4"), ("--visits", "0"), ("--seed", "-1"), ("--seed", "x")])
def test_impossible_wishes_are_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=words[0]):
        call_command("phantom", str(tmp_path), *words)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("phantom", tmp_path / "file", visits=1)
