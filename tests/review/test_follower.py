"""The follower against a real Orthanc: nothing lost, nothing twice, and it survives what goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings as DjangoSettings
from rest_framework.test import APIClient

from orthanc.client import OrthancClient
from orthanc.errors import BadSeriesError
from orthanc.server.process import start_orthanc
from review import follower, nudge
from review.follower import compare_studies, follow, read_journal
from review.models import FollowerState, IntakeProblem, Job, Study
from tests.review.conftest import store_all
from tests.review.factories import default_rule, make_study

pytestmark = [pytest.mark.django_db, pytest.mark.stack]


def until(is_true: Callable[[], bool], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


def read_until_stable(pacs: OrthancClient, orthanc_id: str) -> None:
    """Read the journal until Orthanc has called all series of the study stable."""
    state = FollowerState.load()

    def is_stable() -> bool:
        read_journal(pacs, state)
        return all(one.is_stable for one in pacs.study_header(orthanc_id).series)

    until(is_stable)
    read_journal(pacs, state)


def test_a_stored_study_is_found_and_gets_one_job(
    orthanc: OrthancClient, dicom_study: Path, model: Path, sent: list[str]
) -> None:
    orthanc_id = store_all(orthanc, dicom_study)
    read_until_stable(orthanc, orthanc_id)
    study = Study.objects.get()
    assert (study.state, study.orthanc_id, study.patient_name) == (Study.State.QUEUED, orthanc_id, "Roe^Rita")
    assert set(study.jobs.get().chosen) == {"T1", "T1CE", "T2", "FLAIR"}


def test_the_journal_is_read_on_from_where_it_was_left(
    orthanc: OrthancClient, dicom_study: Path, model: Path
) -> None:
    read_until_stable(orthanc, store_all(orthanc, dicom_study))
    assert read_journal(orthanc, FollowerState.load()) == 0
    assert Job.objects.count() == 1


def test_a_study_sent_twice_has_one_job(orthanc: OrthancClient, dicom_study: Path, model: Path) -> None:
    orthanc_id = store_all(orthanc, dicom_study)
    read_until_stable(orthanc, orthanc_id)
    store_all(orthanc, dicom_study)
    read_until_stable(orthanc, orthanc_id)
    assert Job.objects.count() == 1


def test_a_late_series_ends_the_wait(orthanc: OrthancClient, dicom_study: Path, model: Path) -> None:
    (flair,) = dicom_study.glob("*flair")
    flair.rename(dicom_study.parent / "late")
    orthanc_id = store_all(orthanc, dicom_study)
    read_until_stable(orthanc, orthanc_id)
    assert Study.objects.get().state == Study.State.WAITING
    store_all(orthanc, dicom_study.parent / "late")
    read_until_stable(orthanc, orthanc_id)
    assert Study.objects.get().state == Study.State.QUEUED


def test_a_crash_while_handling_reads_the_same_changes_again(
    orthanc: OrthancClient, dicom_study: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orthanc_id = store_all(orthanc, dicom_study)
    with monkeypatch.context() as crashing:
        crashing.setattr(follower, "handle", lambda pacs, page: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read_journal(orthanc, FollowerState.load())
    read_until_stable(orthanc, orthanc_id)
    assert Study.objects.get().state == Study.State.QUEUED


def test_a_wiped_orthanc_is_read_from_its_beginning(
    tmp_path: Path, dicom_study: Path, model: Path, settings: DjangoSettings
) -> None:
    state = FollowerState.load()
    state.remember(100000, "100000 StableStudy of-another-orthanc")
    with start_orthanc(tmp_path / "new") as running, running.client() as pacs:
        store_all(pacs, dicom_study)
        assert read_journal(pacs, state) > 0
    assert Study.objects.count() == 1


def test_an_orthanc_with_another_line_at_our_place_is_read_from_its_beginning(
    orthanc: OrthancClient, dicom_study: Path, model: Path
) -> None:
    read_until_stable(orthanc, store_all(orthanc, dicom_study))
    state = FollowerState.load()
    state.remember(state.last_seq, "a line of another journal")
    Study.objects.all().delete()
    read_journal(orthanc, state)
    assert Study.objects.count() == 1


def test_studies_deleted_from_orthanc_are_marked_and_unknown_ones_taken(
    orthanc: OrthancClient, dicom_study: Path, model: Path
) -> None:
    gone = make_study("1.9", orthanc_id="gone")
    store_all(orthanc, dicom_study)
    compare_studies(orthanc)
    gone.refresh_from_db()
    assert gone.deleted_at is not None
    assert Study.objects.exclude(pk=gone.pk).count() == 1


def test_a_study_that_cannot_be_read_goes_to_the_problem_list_and_the_next_is_taken(
    orthanc: OrthancClient, dicom_study: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pacs: OrthancClient, orthanc_id: str) -> None:
        raise BadSeriesError("no such header")

    store_all(orthanc, dicom_study)
    with monkeypatch.context() as failing:
        failing.setattr(follower, "take_study", refuse)
        read_journal(orthanc, FollowerState.load())
    assert "no such header" in IntakeProblem.objects.get().reason


def test_no_patient_appears_in_the_log(
    orthanc: OrthancClient, dicom_study: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="review")
    read_until_stable(orthanc, store_all(orthanc, dicom_study))
    assert "queued" in caplog.text
    assert not any(word in caplog.text for word in ("Roe", "Rita", "PAT-9", "ACC-9"))


@pytest.fixture
def running_follower(settings: DjangoSettings) -> Callable[[], threading.Thread]:
    """Start the follower in a thread; it is stopped when the test ends."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def run() -> None:
        try:
            follow(stop.is_set)
        finally:
            connection.close()

    def start() -> threading.Thread:
        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return threads[-1]

    yield start  # type: ignore[misc]
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_the_follower_outlives_an_absent_orthanc_and_an_absent_database(
    orthanc: OrthancClient,
    dicom_study: Path,
    model: Path,
    sent: list[str],
    settings: DjangoSettings,
    running_follower: Callable[[], threading.Thread],
) -> None:
    default_rule()
    settings.FOLLOW_INTERVAL_S = 1
    where, settings.ORTHANC_URL = settings.ORTHANC_URL, "http://127.0.0.1:9"
    thread = running_follower()
    until(lambda: FollowerState.objects.exclude(trouble="").exists())
    with connection.cursor() as cursor:  # every other connection to this database ends, as at a restart
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    settings.ORTHANC_URL = where
    store_all(orthanc, dicom_study)
    until(lambda: Study.objects.filter(state=Study.State.QUEUED).exists(), within_s=30)
    until(lambda: sent == ["prepare"])
    assert thread.is_alive()
    assert FollowerState.load().trouble == ""


@pytest.mark.django_db(transaction=True)
def test_a_nudge_wakes_the_follower_before_its_time(settings: DjangoSettings) -> None:
    nudge.listen()
    assert not nudge.wait(0.01)
    settings.NUDGE_TOKEN = "secret"
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Token secret")
    done = threading.Thread(
        target=lambda: (client.post("/api/nudge/", {}, format="json"), connection.close())
    )
    done.start()
    assert nudge.wait(20)
    done.join()
    connection.close()
