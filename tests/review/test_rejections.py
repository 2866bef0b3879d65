"""A flag becomes a rejection note in the real Orthanc, on its way like every other object of the result."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread

from orthanc.client import OrthancClient
from orthanc.types import ObjectKind
from review.models import Delivery, Flag, Job, Result
from review.publish import publish_job
from review.rejections import REASONS, note_flag
from review.services_of_review import flag_as_poor, undo_flag
from review.sweeper import sweep
from review.tasks import note

pytestmark = [pytest.mark.stack, pytest.mark.django_db]


@pytest.fixture
def result(job: Job) -> Result:
    publish_job(job)
    return Result.objects.get()


def test_a_flag_is_written_as_a_note_that_names_only_our_objects(
    result: Result, orthanc: OrthancClient
) -> None:
    flag = flag_as_poor(result, compartment="ET", reason="motion", text="Blurred", by="ann")
    note_flag(flag)
    flag.refresh_from_db()
    held = orthanc.find_instance(flag.note_sop_uid)
    assert held is not None
    written = dcmread(BytesIO(orthanc.instance_bytes(held)))
    assert written.ConceptNameCodeSequence[0].CodeValue == "113001"
    named = {
        one.ReferencedSOPInstanceUID
        for series in written.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    ours = list(result.dicom_objects.exclude(kind="KOS"))
    assert named >= {one.sop_uid for one in ours}
    assert len(named) == sum(one.n_instances for one in ours)
    said = [str(one.get("TextValue", "")) for one in written.ContentSequence]
    assert "Motion. ET. Blurred" in said
    item = result.dicom_objects.get(kind=ObjectKind.KOS)
    assert item.sop_uid == flag.note_sop_uid


def test_the_note_goes_where_the_result_went_and_a_second_run_adds_nothing(
    result: Result, orthanc: OrthancClient
) -> None:
    Job.objects.filter(pk=result.job_id).update(destinations=["PACS"])
    flag = flag_as_poor(Result.objects.get(), reason="missed", by="ann")
    note_flag(flag)
    note_flag(flag)
    assert Delivery.objects.get(item__kind=ObjectKind.KOS).destination == "PACS"
    assert result.dicom_objects.filter(kind=ObjectKind.KOS).count() == 1


def test_a_note_that_cannot_be_stored_is_tried_again_and_one_that_never_can_is_not(
    result: Result, orthanc: OrthancClient, settings: object
) -> None:
    flag = flag_as_poor(result, reason="missed", by="ann")
    url, settings.ORTHANC_URL = settings.ORTHANC_URL, "http://127.0.0.1:9"  # type: ignore[attr-defined]
    note(flag.pk)
    flag.refresh_from_db()
    assert (flag.note_sop_uid, flag.note_tries, bool(flag.note_error)) == ("", 1, True)
    assert not Flag.without_note().exists()
    settings.ORTHANC_URL = url  # type: ignore[attr-defined]
    seg = orthanc.find_instance(result.seg_sop_uid)
    assert seg is not None
    orthanc.delete_instance(seg)
    note_flag(flag)
    flag.refresh_from_db()
    assert (flag.note_tries, flag.note_error) == (100, "The result is no longer in Orthanc.")


def test_the_sweeper_sends_notes_that_are_due_and_none_for_flags_taken_back(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(note, "send", asked.append)
    flag = flag_as_poor(result, reason="missed", by="ann")
    sweep()
    assert asked == [flag.pk]
    undo_flag(flag, by="ann")
    sweep()
    assert asked == [flag.pk]


def test_every_reason_has_its_code() -> None:
    assert set(REASONS) == set(Flag.Reason)
