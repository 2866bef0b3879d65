"""The flagged as a list and as pseudonymised cases: what is in them, and what must not be."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.read import read_series
from review.artefacts import job_folder
from review.models import AuditAction, AuditEntry
from review.services_of_review import flag_as_poor, give_opinion, undo_flag
from tests.frontend.conftest import CorrectableStudy
from tests.frontend.synthetic import labels_on
from tests.review import factories

pytestmark = [pytest.mark.stack, pytest.mark.django_db]

LogIn = Callable[[str], Client]


def test_a_flagged_case_is_written_once_with_images_mask_and_reason_but_no_identity(
    orthanc: OrthancClient, correctable_study: CorrectableStudy, stored_t1ce: list[Path], tmp_path: Path
) -> None:
    flag_as_poor(
        correctable_study.result, compartment="ET", reason="missed", by="ann", text="Tamara's left lobe"
    )
    for _ in range(2):
        call_command("export_flagged", str(tmp_path / "cases"))
    (case,) = (tmp_path / "cases").iterdir()
    assert sorted(path.name for path in case.iterdir()) == [
        "case.json",
        "flair.nii.gz",
        "rejected.nii.gz",
        "t1.nii.gz",
        "t1ce.nii.gz",
        "t2.nii.gz",
    ]
    told = json.loads((case / "case.json").read_text())
    assert told["flags"] == [{"region": "ET", "reason": "missed"}]
    assert told["volumes_ml"]["ET"] == float(correctable_study.result.volumes["ET"].ml)
    image = read_series(stored_t1ce)
    written = sitk.ReadImage(str(case / "t1ce.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(image))
    mask = sitk.ReadImage(str(case / "rejected.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(labels_on(image)))
    everything = case.name + (case / "case.json").read_text()
    study = correctable_study.study
    for secret in ("Tamara", "Tester", study.patient_id, study.study_uid, "2024", "ann"):
        assert secret not in everything
    assert AuditEntry.objects.filter(action=AuditAction.EXPORTED, by="export_flagged").count() == 1


def test_an_admin_takes_the_cases_as_one_zip_and_each_is_a_line_of_the_audit_log(
    as_role: LogIn, orthanc: OrthancClient, correctable_study: CorrectableStudy, stored_t1ce: list[Path]
) -> None:
    flag_as_poor(correctable_study.result, compartment="ET", reason="missed", by="ann", text="Tamara")
    gone = factories.make_result(factories.make_job(factories.make_study("1.7", patient_id="PAT-8")))
    flag_as_poor(gone, reason="motion", by="ann")
    answer = as_role("admin").get("/worklist/flagged.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))
    assert archive.testzip() is None
    *files, missing = archive.namelist()
    assert [name.split("/")[1] for name in files] == [
        *("case.json", "flair.nii.gz", "rejected.nii.gz", "t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz")
    ]
    assert missing == "not-written.txt"
    assert "gone from the artefact folder" in archive.read(missing).decode()
    told = archive.read(files[0]).decode() + "".join(archive.namelist()) + archive.read(missing).decode()
    for secret in ("Tamara", "Tester", correctable_study.study.patient_id, correctable_study.study.study_uid):
        assert secret not in told
    (line,) = AuditEntry.objects.filter(action=AuditAction.EXPORTED)
    assert (line.by, line.study_uid) == ("admin", correctable_study.study.study_uid)


def test_without_orthanc_there_is_no_zip_but_a_reason(as_role: LogIn, settings: DjangoSettings) -> None:
    settings.ORTHANC_URL = "http://127.0.0.1:9"
    page = as_role("admin").get("/worklist/flagged.zip", follow=True)
    assert "Orthanc" in page.content.decode()


def test_what_cannot_be_written_is_named_with_the_reason(
    orthanc: OrthancClient, correctable_study: CorrectableStudy, tmp_path: Path
) -> None:
    job_folder(correctable_study.result.job_id).clear()
    flag_as_poor(correctable_study.result, reason="missed", by="ann")
    said = io.StringIO()
    with pytest.raises(CommandError, match="1 cases could not be written"):
        call_command("export_flagged", str(tmp_path / "cases"), stderr=said)
    assert "gone from the artefact folder" in said.getvalue()
    assert list((tmp_path / "cases").iterdir()) == []


def test_the_list_has_every_standing_flag_and_is_noted_in_the_audit_log(as_role: LogIn) -> None:
    result = factories.make_result()
    flag = flag_as_poor(result, compartment="ED", reason="motion", by="ann", text="=1+1")
    give_opinion(flag, agrees=True, by="ben")
    undo_flag(flag_as_poor(result, compartment="ET", reason="missed", by="ann"), by="ann")
    answer = as_role("viewer").get("/worklist/flagged.csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["region"], row["reason"], row["opinions"]) == ("ED", "Motion", "ben agrees")
    assert row["words"] == "'=1+1"
    assert AuditEntry.objects.filter(action=AuditAction.EXPORTED, by="viewer").count() == 1
