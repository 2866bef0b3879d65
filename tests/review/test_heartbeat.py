"""The heartbeat: a phantom study goes the whole way, is judged, removed, and is never among patients' studies."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import dramatiq
import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.server.process import RunningOrthanc
from review import heartbeat, tasks
from review.artefacts import job_folder, write_segmentation
from review.heartbeat import heart_is_well, heart_words, send_phantom, tick, wrong_volumes
from review.metrics import render_metrics
from review.models import Heartbeat, Job, RoutingRule, Series, Study
from review.patients import patient_list
from review.publish import publish_job
from review.selectors import counts_by_state, studies
from tests.review.published import claim, segmentation_on, take_as_stable

pytestmark = pytest.mark.django_db
TRUE_ML = {"WT": 30.0, "TC": 9.5, "ET": 7.0}


@pytest.fixture(autouse=True)
def switched_on(settings: DjangoSettings, artefacts: Path) -> None:
    settings.HEARTBEAT_MINUTES, settings.HEARTBEAT_LATE_MINUTES = 60, 30


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The heartbeats whose sending was asked for."""
    rows: list[int] = []
    monkeypatch.setattr(tasks.heartbeat, "send", rows.append)
    return rows


@pytest.fixture
def beat(asked: list[int], orthanc: OrthancClient, orthanc_id: str, model: Path) -> Heartbeat:
    """A heartbeat whose study has reached Orthanc and was taken."""
    uid = orthanc.study_header(orthanc_id).study_uid
    row = Heartbeat.objects.create(study_uid=uid, true_ml=TRUE_ML, sent_at=timezone.now())
    RoutingRule.objects.all().delete()  # no rule of the site decides about it
    take_as_stable(orthanc, orthanc_id)
    return row


@pytest.fixture
def done(beat: Heartbeat, dicom_study: Path) -> Heartbeat:
    """The same with its result published."""
    (job,) = Job.objects.all()
    (t1ce,) = dicom_study.glob("*t1ce")
    write_segmentation(segmentation_on(read_series(sorted(t1ce.iterdir()))), job_folder(job.pk).inferred)
    Job.objects.update(stage=Job.Stage.PUBLISH)
    publish_job(claim())
    return beat


def begin_old(minutes: int) -> Heartbeat:
    return Heartbeat.objects.create(
        began_at=timezone.now() - timedelta(minutes=minutes), ended_at=timezone.now()
    )


def test_one_begins_when_the_last_was_long_ago_and_is_sent_once(asked: list[int]) -> None:
    begin_old(59)
    tick()
    assert asked == []
    Heartbeat.objects.all().delete()
    begin_old(61)
    for _ in range(3):
        tick()
    (row,) = Heartbeat.objects.filter(ended_at=None)
    assert asked == [row.pk]


def test_a_ticket_that_was_lost_is_sent_again(asked: list[int]) -> None:
    begin_old(61)
    tick()
    Heartbeat.objects.filter(ended_at=None).update(asked_at=timezone.now() - timedelta(minutes=11))
    tick()
    assert len(asked) == 2


def test_it_can_be_switched_off(asked: list[int], settings: DjangoSettings) -> None:
    settings.HEARTBEAT_MINUTES = 0
    begin_old(61)
    tick()
    assert asked == []
    assert heart_is_well()


def test_a_new_installation_is_left_in_peace_for_the_first_hour(
    asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "STARTED_AT", timezone.now())
    tick()
    assert asked == []
    monkeypatch.setattr(heartbeat, "STARTED_AT", timezone.now() - timedelta(minutes=61))
    tick()
    assert len(asked) == 1


def test_its_study_gets_an_urgent_job_without_any_rule_and_is_in_no_list(beat: Heartbeat) -> None:
    (job,) = Job.objects.all()
    assert (job.rule_name, job.destinations, job.priority) == ("Heartbeat", [], 1000)
    assert Study.everything.get().is_heartbeat
    assert not Study.objects.exists()
    assert not studies().exists()
    assert not patient_list().object_list
    assert set(counts_by_state().values()) == {0}
    job.fail("as a test")
    assert 'glioma_jobs_ended{outcome="failed"} 0.0' in render_metrics().decode()


def test_right_volumes_are_well_and_everything_is_removed_again(
    done: Heartbeat, orthanc: OrthancClient
) -> None:
    (job,) = Job.objects.all()
    tick()
    done.refresh_from_db()
    assert done.is_well
    assert done.words.endswith("WT 30.20 ml, TC 9.30 ml, ET 6.80 ml.")
    assert done.ended_at is not None
    assert orthanc.studies() == []
    assert not Study.everything.exists()
    assert not Series.objects.exists()
    assert not job_folder(job.pk).path.exists()
    assert heart_is_well()
    assert "Went through" in heart_words()


def test_wrong_volumes_are_told_with_the_truth(done: Heartbeat) -> None:
    Heartbeat.objects.update(true_ml=TRUE_ML | {"WT": 60.0})
    tick()
    done.refresh_from_db()
    assert (done.is_well, heart_is_well()) == (False, False)
    assert "WT is 30.20 ml, the truth is 60.0 ml" in done.words
    assert not Study.everything.exists()


def test_a_missing_region_is_wrong() -> None:
    assert wrong_volumes({}, TRUE_ML)[0] == "WT is missing ml, the truth is 30.0 ml"
    assert (
        wrong_volumes(dict(zip(TRUE_ML, (Decimal(30), Decimal(9), Decimal(7)), strict=True)), TRUE_ML) == []
    )


def test_one_that_ends_without_a_result_says_why(beat: Heartbeat) -> None:
    Study.everything.update(state=Study.State.FAILED, reason="The FLAIR is blank.")
    tick()
    beat.refresh_from_db()
    assert beat.is_well is False
    assert "The FLAIR is blank." in beat.words
    assert beat.ended_at is not None


def test_a_late_one_is_told_at_once_and_judged_anew_when_it_ends(done: Heartbeat) -> None:
    Heartbeat.objects.update(began_at=timezone.now() - timedelta(minutes=31))
    Study.everything.update(state=Study.State.PROCESSING, reason="Registering")
    tick()
    done.refresh_from_db()
    assert (done.is_well, done.ended_at) == (False, None)
    assert "late: processing, Registering" in done.words
    Study.everything.update(state=Study.State.DONE)
    tick()
    done.refresh_from_db()
    assert done.is_well
    assert done.ended_at is not None


def test_while_orthanc_is_away_its_study_is_kept_and_removed_later(
    done: Heartbeat, settings: DjangoSettings
) -> None:
    url, settings.ORTHANC_URL = settings.ORTHANC_URL, "http://127.0.0.1:1"
    tick()
    done.refresh_from_db()
    assert (done.is_well, done.ended_at) == (True, None)
    settings.ORTHANC_URL = url
    tick()
    done.refresh_from_db()
    assert done.ended_at is not None


def test_the_phantom_comes_by_c_store_and_is_known_before(
    orthanc: OrthancClient,
    orthanc_server: RunningOrthanc,
    dicom_study: Path,
    settings: DjangoSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uid = "1.2.826.0.1.3680043.8.498.11361225138225471735359501498030879929"
    visit = {"study_uid": uid, "volumes_ml": TRUE_ML, "folder": dicom_study.name}
    (dicom_study.parent / "truth.json").write_text(json.dumps({"visits": [visit]}))
    monkeypatch.setattr(heartbeat, "_phantom", lambda: dicom_study.parent)
    settings.HEARTBEAT_TO = f"{orthanc_server.aet}@127.0.0.1:{orthanc_server.dicom_port}"
    row = Heartbeat.objects.create()
    send_phantom(row)
    row.refresh_from_db()
    (stored,) = orthanc.studies()
    header = orthanc.study_header(stored)
    assert (header.study_uid, header.calling_aet) == (uid, "HEARTBEAT")
    assert (row.study_uid, row.true_ml) == (uid, TRUE_ML)
    assert row.sent_at is not None


def test_its_ticket_is_one_of_the_queue_of_small_things() -> None:
    assert isinstance(tasks.heartbeat, dramatiq.Actor)
    assert tasks.heartbeat.queue_name == "results"
