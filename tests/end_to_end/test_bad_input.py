"""What goes wrong in a hospital ends in a clear reason on the worklist and in the API, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import CTImageStorage

from tests.end_to_end.installation import Installation
from tests.end_to_end.studies import make_small_study, rewrite, series_folder

pytestmark = pytest.mark.stack


def test_a_study_with_three_roles_waits_and_says_for_what(stack: Installation, tmp_path: Path) -> None:
    study_uid = make_small_study(tmp_path, only=("t1", "t1ce", "t2"))
    assert stack.send(tmp_path).returncode == 0
    study = stack.wait_for(study_uid, lambda study: study["state"] == "waiting", within_s=60)
    assert "FLAIR" in study["reason"]
    assert study["wait_deadline"]
    assert not study["jobs"]


def test_a_ct_study_is_not_wanted(stack: Installation, tmp_path: Path) -> None:
    study_uid = make_small_study(tmp_path, only=("t1",))
    rewrite(tmp_path, Modality="CT", SOPClassUID=CTImageStorage)
    assert stack.send(tmp_path).returncode == 0
    study = stack.wait_for(study_uid, lambda study: study["state"] == "not_wanted", within_s=60)
    assert "CT" in study["reason"]
    assert not study["jobs"]


def test_of_two_contrast_series_the_better_is_taken_and_the_other_named(
    stack: Installation, tmp_path: Path
) -> None:
    study_uid = make_small_study(tmp_path, second_t1ce=True)
    assert stack.send(tmp_path).returncode == 0
    study = stack.wait_for(study_uid, lambda study: bool(study["jobs"]), within_s=60)
    contrast = [one for one in study["series"] if one["role"] == "T1CE"]
    chosen = [one for one in contrast if one["is_chosen"]]
    assert len(contrast) == 2
    assert len(chosen) == 1
    assert chosen[0]["n_images"] == max(one["n_images"] for one in contrast)
    assert all(one["choice_reason"] for one in contrast)


def test_a_file_cut_short_is_refused_at_the_upload_and_kept_in_the_list_of_problems(
    stack: Installation, tmp_path: Path
) -> None:
    make_small_study(tmp_path, only=("t2",))
    whole = next(tmp_path.rglob("*.dcm"))
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with stack.api() as client:
        answer = client.post("upload/", files={"files": ("cut.dcm", cut.read_bytes())}).json()
        assert answer["rejected"] == 1
        problems = client.get("problems/").json()["results"]
    assert "cut.dcm" in [problem["name"] for problem in problems]


def test_a_truncated_image_that_orthanc_holds_fails_the_study_with_its_number(
    stack: Installation, tmp_path: Path
) -> None:
    study_uid = make_small_study(tmp_path)
    folder = series_folder(tmp_path, "flair")
    victim = sorted(folder.glob("*.dcm"))[3]
    dataset = pydicom.dcmread(victim)
    dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 4 * 2]
    dataset.save_as(victim)
    with stack.orthanc() as client:
        for path in sorted(tmp_path.rglob("*.dcm")):
            client.store(path)
    study = stack.wait_until_ended(study_uid)  # behind what other tests queued
    assert study["state"] == "failed"
    assert f"image {dataset.InstanceNumber}" in study["reason"].lower()


def test_what_is_not_dicom_is_refused_with_its_name_and_the_rest_of_the_zip_is_taken(
    stack: Installation, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    make_small_study(content, only=("flair",))
    (content / "notes.txt").write_text("not an image")
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", content)
    with stack.api() as client:
        answer = client.post("upload/", files={"files": ("study.zip", Path(archive).read_bytes())}).json()
    refused = [file for file in answer["files"] if not file["accepted"]]
    assert answer["accepted"] == len(list(content.rglob("*.dcm")))
    assert [file["name"].rsplit("/")[-1] for file in refused] == ["notes.txt"]
    assert refused[0]["reason"]
