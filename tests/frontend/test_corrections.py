"""Edited masks over STOW-RS: measured by a job, undone; what is refused, and to whom."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from frontend.corrections import parts_of
from orthanc.client import OrthancClient
from orthanc.sr import statements_from_sr, volumes_from_sr
from orthanc.types import MeasuredRegion
from review.artefacts import BRAIN_MASK, job_folder
from review.leases import Lease
from review.models import AuditAction, AuditEntry, Correction, Job, Result, Study
from review.publish import publish_job
from tests.frontend.conftest import CorrectableStudy
from tests.review import factories

pytestmark = [pytest.mark.stack, pytest.mark.django_db]

LogIn = Callable[[str], Client]
KIND = 'multipart/related; type="application/dicom"; boundary="b-1"'


def without_enhancement(seg: Dataset) -> Dataset:
    """The mask with its enhancing rim rubbed out."""
    edited = deepcopy(seg)
    pixels = edited.pixel_array.copy()
    for index, frame in enumerate(edited.PerFrameFunctionalGroupsSequence):
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 3:
            pixels[index] = 0
    edited.set_pixel_data(pixels, "MONOCHROME2", 1, generate_instance_uid=False)
    return edited


def body_of(dataset: Dataset) -> bytes:
    held = BytesIO()
    dataset.save_as(held)
    return b"--b-1\r\nContent-Type: application/dicom\r\n\r\n" + held.getvalue() + b"\r\n--b-1--"


def send(client: Client, result: Result, seg: Dataset, **headers: str) -> tuple[int, str]:
    address = f"/dicomweb/results/{result.pk}/studies"
    answer = client.post(address, body_of(seg), content_type=KIND, headers=headers)
    return answer.status_code, answer.content.decode()


def work_off() -> Result:
    """What the publishing worker does with the queued job."""
    job = Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60)
    assert job is not None
    publish_job(job)
    return Result.objects.get(job=job)


def test_an_edited_mask_becomes_the_result_and_the_former_stays_as_history(
    as_role: LogIn, orthanc: OrthancClient, correctable_study: CorrectableStudy
) -> None:
    former, client = correctable_study.result, as_role("radiologist")
    assert send(client, former, without_enhancement(correctable_study.seg))[0] == 202
    edited = work_off()
    former.refresh_from_db()
    study = Study.objects.get(pk=former.study_id)
    assert (study.current_result, former.superseded_by, study.state) == (edited, edited, "done")
    was, now = former.volumes, edited.volumes
    assert now["ET"].ml == 0 < was["ET"].ml
    assert (now["ED"].ml, now["NC"].ml) == (was["ED"].ml, was["NC"].ml)
    assert now["TC"].ml == was["NC"].ml
    assert edited.edited_by == "radiologist"
    assert former.seg_sop_uid != edited.seg_sop_uid
    # One number everywhere: SR, API and pages.
    found = orthanc.find_instance(edited.sr_sop_uid)
    assert found is not None
    report = dcmread(BytesIO(orthanc.instance_bytes(found)))
    assert volumes_from_sr(report)[MeasuredRegion.WHOLE_TUMOUR].ml == float(now["WT"].ml)
    assert any("Mask edited by radiologist" in words for words in statements_from_sr(report))
    told = client.get(f"/api/studies/{study.study_uid}/").json()["result"]
    assert (told["edited_by"], told["volumes"]["WT"]["ml"]) == ("radiologist", float(now["WT"].ml))
    for address in (f"/panel/{study.study_uid}/", f"/studies/{study.study_uid}/"):
        page = client.get(address).content.decode()
        assert "Mask edited by <b>radiologist</b>" in page
        assert f'data-ml="{now["WT"].ml}"' in page
    assert "edited" in client.get("/").content.decode()


def test_the_same_mask_sent_twice_is_one_correction(
    as_role: LogIn, correctable_study: CorrectableStudy
) -> None:
    edited, client = without_enhancement(correctable_study.seg), as_role("radiologist")
    for _ in range(2):
        assert send(client, correctable_study.result, edited)[0] == 202
    assert Correction.objects.count() == 1
    work_off()
    assert Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60) is None


def test_an_undone_edit_gives_its_place_back_and_may_be_sent_again(
    as_role: LogIn, correctable_study: CorrectableStudy
) -> None:
    former, client = correctable_study.result, as_role("radiologist")
    edited = without_enhancement(correctable_study.seg)
    send(client, former, edited)
    work_off()
    correction = Correction.objects.get()
    address = f"/api/corrections/{correction.pk}/undo/"
    assert as_role("viewer").post(address).status_code == 403
    assert client.post(address).status_code == 200
    study = Study.objects.get(pk=former.study_id)
    assert study.current_result == former
    assert client.post(address).status_code == 409
    (told,) = client.get(f"/api/studies/{study.study_uid}/corrections/").json()
    assert (told["by"], told["undone_by"]) == ("radiologist", "radiologist")
    assert "1 edit taken back" in client.get(f"/panel/{study.study_uid}/").content.decode()
    former.refresh_from_db()
    assert send(client, former, edited)[0] == 202
    study.refresh_from_db()
    assert study.current_result is not None
    assert study.current_result.edited_by == "radiologist"


def test_an_edit_undone_before_it_was_measured_is_not_measured(
    as_role: LogIn, correctable_study: CorrectableStudy
) -> None:
    client = as_role("radiologist")
    send(client, correctable_study.result, without_enhancement(correctable_study.seg))
    assert client.post(f"/api/corrections/{Correction.objects.get().pk}/undo/").status_code == 200
    assert Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60) is None
    assert Study.objects.get(pk=correctable_study.study.pk).current_result == correctable_study.result


def test_an_edited_mask_whose_files_are_gone_fails_and_is_never_segmented_by_a_model(
    as_role: LogIn, correctable_study: CorrectableStudy
) -> None:
    send(as_role("radiologist"), correctable_study.result, without_enhancement(correctable_study.seg))
    job = Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60)
    assert job is not None
    job_folder(job.pk).clear()
    with Lease(job, 60):
        publish_job(job)
    job.refresh_from_db()
    assert (job.state, "Correct the result again" in job.error) == ("failed", True)


def test_every_edit_is_in_the_audit_log(as_role: LogIn, correctable_study: CorrectableStudy) -> None:
    client = as_role("radiologist")
    send(client, correctable_study.result, without_enhancement(correctable_study.seg))
    client.post(f"/api/corrections/{Correction.objects.get().pk}/undo/")
    noted = AuditEntry.objects.filter(action=AuditAction.CORRECTED).order_by("pk")
    assert [(one.by, one.details.get("undone", False)) for one in noted] == [
        ("radiologist", False),
        ("radiologist", True),
    ]


def test_what_cannot_be_taken_is_refused_with_the_reason(
    as_role: LogIn, correctable_study: CorrectableStudy
) -> None:
    result, seg, client = correctable_study.result, correctable_study.seg, as_role("radiologist")
    assert send(client, result, seg) == (409, '{"detail": "The mask is the same as before."}')
    foreign = deepcopy(seg)
    foreign.StudyInstanceUID = generate_uid()
    assert send(client, result, foreign) == (409, '{"detail": "The mask belongs to another study."}')
    edited = without_enhancement(seg)
    (job_folder(result.job_id).inferred / BRAIN_MASK).unlink()
    status, text = send(client, result, edited)
    assert (status, "Try the study again" in text) == (409, True)
    factories.make_result(factories.make_job(correctable_study.study, series_key="k2"))
    status, text = send(client, result, edited)
    assert (status, "A newer result took the place" in text) == (409, True)
    assert Correction.objects.count() == 0


@pytest.mark.parametrize("role", ["viewer", "admin", "service"])
def test_only_radiologists_correct(as_role: LogIn, correctable_study: CorrectableStudy, role: str) -> None:
    answer = send(as_role(role), correctable_study.result, without_enhancement(correctable_study.seg))
    assert answer[0] == 403
    roles = as_role(role).get(f"/viewer/{correctable_study.study.study_uid}/roles.json").json()
    assert roles["may_correct"] is False


def test_a_session_needs_its_form_token(
    accounts: dict[str, User], correctable_study: CorrectableStudy
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(accounts["radiologist"])
    edited = without_enhancement(correctable_study.seg)
    assert send(client, correctable_study.result, edited)[0] == 403
    told = re.search(r'name="csrf-token" content="(\w+)"', client.get("/").content.decode())
    assert told is not None
    assert send(client, correctable_study.result, edited, x_csrftoken=told.group(1))[0] == 202


def test_the_parts_of_a_multipart_body_are_taken_byte_for_byte() -> None:
    content = bytes(range(256)) + b"\r\n--b\r\n\r\n"
    body = b"--b-1\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--b-1--\r\n"
    assert parts_of(KIND, body) == [content]
    assert parts_of(KIND, body.replace(b"--b-1--", b"--b-1\r\n\r\nsecond\r\n--b-1--")) == [content, b"second"]
    assert parts_of("application/dicom", body) == []
    assert parts_of(KIND, b"nothing") == []
