"""Clocks that jump or differ, tickets that are lost or doubled, workers that stop or take too much memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review import leases, sweeper, tasks, tickets, watch
from review import worker as worker_module
from review.leases import Lease, hand_back_all
from review.models import Job, Outage, WorkerBeat
from review.sweeper import sweep, take_back_silent_jobs
from review.worker import Recycle
from tests.review.factories import make_job, make_study

PREPARE, INFER, PUBLISH = Job.Stage.PREPARE, Job.Stage.INFER, Job.Stage.PUBLISH
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(artefacts: object) -> None:
    """Work needs a folder for its files."""


def test_a_lease_that_a_clock_put_an_hour_ahead_is_taken_back(sent: list[str]) -> None:
    job = make_job()
    Job.objects.claim(PREPARE, "gone", 20)
    Job.objects.update(lease_until=timezone.now() + HOUR)
    assert take_back_silent_jobs() == 1
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED


def test_a_host_whose_clock_is_wrong_gets_a_lease_by_the_clock_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_job()
    true = timezone.now()
    monkeypatch.setattr("review.models.work.timezone.now", lambda: true - HOUR)
    assert Job.objects.claim(PREPARE, "slow clock", 20) is not None
    assert not Job.objects.silent().exists()


def test_waits_that_a_clock_put_far_ahead_are_brought_back_and_off_peak_ones_are_not(sent: list[str]) -> None:
    tried = make_job(make_study("1.1"), attempts=1, not_before=timezone.now() + HOUR)
    off_peak = make_job(
        make_study("1.2"), not_before=timezone.now() + 9 * HOUR, send_at=timezone.now() + 9 * HOUR
    )
    sweep()
    tried.refresh_from_db()
    off_peak.refresh_from_db()
    assert tried.not_before <= timezone.now()
    assert off_peak.not_before > timezone.now() + 8 * HOUR


def test_a_worker_seen_in_the_future_is_not_alive() -> None:
    WorkerBeat.beat("host:1", ["cpu"])
    WorkerBeat.objects.update(seen_at=timezone.now() + HOUR)
    assert not WorkerBeat.objects.get().is_alive


def test_an_emptied_broker_is_filled_again_at_the_next_sweep(sent: list[str]) -> None:
    for number in range(3):
        make_job(make_study(f"1.{number}"), send_at=timezone.now() + HOUR, sends=5)
    sweep()
    assert sent == ["prepare"] * 3
    sweep()  # tickets wait: no more are made
    assert len(sent) == 3


def test_tickets_are_counted_in_the_real_broker() -> None:
    assert tickets.waiting_tickets("cpu") == 0
    tasks.prepare.send("any")
    tasks.prepare.send("any")
    assert (tickets.waiting_tickets("cpu"), tickets.waiting_tickets("gpu")) == (2, 0)


def test_a_broker_that_is_away_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    make_job(send_at=timezone.now() + HOUR)
    monkeypatch.setattr(sweeper, "waiting_tickets", lambda queue: None)
    assert sweeper.refill_queues() == 0


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs whose stages are run, in order."""
    jobs: list[Job] = []

    def run(job: Job) -> None:
        jobs.append(job)
        job.fail("enough")

    monkeypatch.setattr(tasks, "run_stage", run)
    return jobs


def test_with_500_studies_at_once_an_urgent_one_is_next_and_a_finished_one_does_not_wait(
    ran: list[Job],
) -> None:
    for number in range(500):
        make_job(make_study(f"1.{number}"))
    urgent = make_job(make_study("2.1"), priority=5)
    finished = make_job(make_study("2.2"), stage=PUBLISH)
    tasks.publish("whatever")
    tasks.prepare("whatever")
    tasks.prepare("whatever")
    assert ran[:2] == [finished, urgent]
    assert ran[2].study.study_uid == "1.0"


def test_no_more_studies_are_prepared_than_the_disk_should_hold(
    ran: list[Job], settings: DjangoSettings
) -> None:
    settings.PREPARE_AHEAD = 2
    make_job(make_study("1.0"))
    for number in range(1, 3):
        make_job(make_study(f"1.{number}"), stage=INFER)
    tasks.prepare("whatever")
    assert ran == []
    tasks.infer("whatever")
    tasks.prepare("whatever")
    assert [job.study.study_uid for job in ran] == ["1.1", "1.0"]


def test_when_a_part_is_well_again_what_waited_for_it_goes_on_at_once() -> None:
    job = make_job(retries=7, not_before=timezone.now() + timedelta(minutes=5))
    Outage.objects.create(part="orthanc")
    watch.note({"orthanc": True})
    job.refresh_from_db()
    assert job.not_before <= timezone.now()


def test_a_worker_that_stops_hands_its_job_back_uncounted() -> None:
    make_job()
    job = Job.objects.claim(PREPARE, "me", 20)
    with Lease(job, 60):
        hand_back_all()
        job.refresh_from_db()
        assert (job.state, job.attempts) == (Job.State.QUEUED, 0)
        assert Job.objects.claim(PREPARE, "another", 20) == job
        job.lease_owner = "me"
        job.advance(INFER, {})  # too late: nothing is recorded
    job.refresh_from_db()
    assert (job.state, job.lease_owner, job.stage) == (Job.State.RUNNING, "another", PREPARE)


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_takes_too_much_memory_ends_its_process_with_the_reason(
    settings: DjangoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    codes: list[int] = []
    monkeypatch.setattr(leases.os, "_exit", lambda code: (codes.append(code), ended.set()))
    settings.WORKER_MEMORY_MB = 1
    make_job()
    job = Job.objects.claim(PREPARE, "me", 20)
    with Lease(job, 60):
        assert ended.wait(10)
        job.advance(INFER, {})
    job.refresh_from_db()
    assert codes[0] == leases.EXIT_MEMORY
    assert "more than 1 MB of memory" in job.progress


def test_a_worker_that_holds_too_much_after_a_job_is_ended_by_its_master(
    settings: DjangoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(worker_module.os, "kill", lambda pid, number: told.append((pid, number)))
    settings.WORKER_RECYCLE_MB = 10**6
    Recycle().after_process_message(None, None)
    assert told == []
    settings.WORKER_RECYCLE_MB = 1
    Recycle().after_process_message(None, None)
    assert told == [(os.getppid(), signal.SIGTERM)]


def test_a_native_call_that_never_lets_python_run_is_ended_by_its_limit() -> None:
    script = (
        "import ctypes, faulthandler\n"
        "faulthandler.dump_traceback_later(1, exit=True, file=2)\n"
        "ctypes.PyDLL(None).sleep(60)\n"  # holds the interpreter, as a C extension may
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False)
    assert done.returncode == 1
    assert b"Timeout" in done.stderr
