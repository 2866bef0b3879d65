"""Jobs: claiming, leases, endings, and what the sweeper takes back."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dramatiq
import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings
from redis.exceptions import ConnectionError as RedisConnectionError

from orthanc.errors import BadSeriesError, OrthancUnavailableError
from review import leases, tasks
from review.leases import Lease
from review.models import Job, LostLeaseError, Study, WorkerBeat
from review.models.work import RETRIES
from review.sweeper import sweep
from segmentation.errors import BadInputError
from tests.review.factories import make_job, make_study

PREPARE, INFER, PUBLISH = Job.Stage.PREPARE, Job.Stage.INFER, Job.Stage.PUBLISH


def claim(stage: Job.Stage = PREPARE, owner: str = "me", lease_s: int = 20) -> Job | None:
    return Job.objects.claim(stage, owner, lease_s)


def silence(job: Job) -> None:
    """Let the lease run out, as if the worker had been killed."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_job_is_claimed_once() -> None:
    job = make_job()
    assert claim() == job
    assert claim(owner="other") is None


@pytest.mark.django_db
def test_a_claim_takes_only_its_own_stage_and_the_highest_priority_first() -> None:
    make_job(make_study("1.1"), stage=INFER)
    plain = make_job(make_study("1.2"))
    urgent = make_job(make_study("1.3"), priority=5)
    assert [claim(), claim(), claim()] == [urgent, plain, None]


@pytest.mark.django_db
def test_a_claimed_job_says_so_on_its_study_and_notes_how_long_it_waited() -> None:
    job = make_job(queued_at=timezone.now() - timedelta(seconds=7))
    claim()
    job.refresh_from_db()
    job.study.refresh_from_db()
    assert job.seconds["prepare_queue"] == pytest.approx(7, abs=2)
    assert job.study.state == Study.State.PROCESSING


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_take_each_job_once() -> None:
    jobs = [make_job(make_study(f"1.{number}")) for number in range(6)]
    start = threading.Barrier(12)

    def take(number: int) -> Job | None:
        try:
            start.wait()
            return claim(owner=f"w{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        taken = [job.pk for job in pool.map(take, range(12)) if job]
    assert sorted(taken) == sorted(job.pk for job in jobs)


@pytest.mark.django_db
def test_a_stage_that_ends_queues_the_next_and_keeps_its_seconds() -> None:
    make_job()
    job = claim()
    job.advance(INFER, {"registration": 1.234})
    job.refresh_from_db()
    assert (job.stage, job.state, job.attempts) == (INFER, Job.State.QUEUED, 0)
    assert "prepare" in job.seconds
    assert job.step_seconds == {"prepare": {"registration": 1.23}}


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_records_nothing() -> None:
    make_job()
    late = claim(owner="late")
    silence(late)
    sweep_now()
    other = claim(owner="other")
    with pytest.raises(LostLeaseError):
        late.advance(INFER, {})
    assert not late.fail("too late")
    assert not late.renew(20)
    other.refresh_from_db()
    assert (other.stage, other.state, other.lease_owner) == (PREPARE, Job.State.RUNNING, "other")


def sweep_now() -> None:
    """One round; what it puts back for a few seconds later is due at once."""
    sweep()
    Job.objects.filter(state=Job.State.QUEUED).update(not_before=timezone.now())


@pytest.mark.django_db
@pytest.mark.parametrize("stage", Job.Stage)
def test_a_job_whose_worker_was_killed_resumes_at_its_stage(stage: Job.Stage, sent: list[str]) -> None:
    make_job(stage=stage)
    silence(claim(stage))
    sweep_now()
    job = claim(stage, "second")
    assert job is not None
    assert (job.stage, job.attempts) == (stage, 2)


@pytest.mark.django_db
def test_a_job_that_keeps_killing_workers_fails_with_the_reason(
    settings: DjangoSettings, sent: list[str]
) -> None:
    settings.MAX_ATTEMPTS = 3
    job = make_job(stage=INFER)
    for _ in range(3):
        silence(claim(INFER))
        sweep_now()
    job.refresh_from_db()
    job.study.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert job.error == "The worker died 3 times at stage infer."
    assert (job.study.state, job.study.reason) == (Study.State.FAILED, job.error)


@pytest.mark.django_db
def test_a_live_lease_is_not_taken_back(sent: list[str]) -> None:
    make_job()
    claim()
    sweep_now()
    assert claim(owner="other") is None


@pytest.mark.django_db
def test_a_lost_message_is_sent_again_but_not_at_every_sweep(sent: list[str]) -> None:
    job = make_job()
    for _ in range(5):
        sweep()
    assert sent == ["prepare"]
    Job.objects.filter(pk=job.pk).update(send_at=timezone.now())
    sweep()
    assert sent == ["prepare", "prepare"]


@pytest.mark.django_db
def test_a_broker_that_is_away_loses_nothing(monkeypatch: pytest.MonkeyPatch, sent: list[str]) -> None:
    job = make_job()

    def refuse(job_id: str) -> None:
        raise RedisConnectionError("refused")

    with monkeypatch.context() as away:
        away.setattr(tasks.prepare, "send", refuse)
        assert not tasks.send(job)
        sweep()
    sweep()
    assert sent == ["prepare"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error", [BadInputError("T2 is empty."), BadSeriesError("T1CE: image 7 is cut off.")]
)
def test_a_hopeless_error_fails_the_job_with_its_text(error: Exception) -> None:
    make_job()
    job = claim()
    with Lease(job, 60):
        raise error
    job.refresh_from_db()
    job.study.refresh_from_db()
    assert (job.state, job.error) == (Job.State.FAILED, str(error))
    assert (job.study.state, job.study.reason) == (Study.State.FAILED, str(error))


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_as_quick_as_its_message_finds_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    claimed: list[Job | None] = []

    def take(job_id: str) -> None:
        def work() -> None:
            claimed.append(claim())
            connection.close()

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()

    monkeypatch.setattr(tasks.prepare, "send", take)
    job = make_job()
    with transaction.atomic():
        tasks.send_on_commit(job)
    assert claimed == [job]
    job.refresh_from_db()
    assert (job.state, job.sends) == (Job.State.RUNNING, 1)


@pytest.mark.django_db(transaction=True)
def test_workers_and_intake_that_write_the_same_study_do_not_wait_for_each_other() -> None:
    study = make_study()
    jobs = [make_job(study, series_key=f"k{number}") for number in range(4)]
    start = threading.Barrier(5)

    def run(job: Job) -> None:
        try:
            start.wait()
            mine = claim(owner=str(job.pk))
            for number in range(10):
                mine.report(f"step {number}")
            mine.advance(INFER, {})
        finally:
            connection.close()

    def intake() -> None:
        try:
            start.wait()
            for _ in range(20):
                with transaction.atomic():
                    Study.objects.select_for_update().get()
                    for job in jobs:
                        Job.objects.filter(pk=job.pk).update(priority=1)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        ends = [pool.submit(run, job) for job in jobs] + [pool.submit(intake)]
    assert [end.exception() for end in ends] == [None] * 5
    assert Job.objects.filter(stage=INFER).count() == 4


@pytest.mark.django_db
def test_an_absent_orthanc_is_waited_for_longer_each_time_and_not_counted_as_a_death() -> None:
    make_job()
    waits = []
    for _ in range(3):
        job = claim()
        with Lease(job, 60):
            raise OrthancUnavailableError("refused")
        job.refresh_from_db()
        assert (job.state, job.attempts) == (Job.State.QUEUED, 0)
        waits.append((job.not_before - timezone.now()).total_seconds())
        assert claim() is None
        Job.objects.update(not_before=timezone.now())
    assert waits == pytest.approx([5, 10, 20], abs=2)


@pytest.mark.django_db
def test_an_orthanc_that_stays_away_is_given_up_on() -> None:
    make_job(retries=RETRIES)
    job = claim()
    with Lease(job, 60):
        raise OrthancUnavailableError("refused")
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "Gave up" in job.error


@pytest.mark.django_db
def test_an_unforeseen_error_rises_and_is_tried_again_until_it_fails(settings: DjangoSettings) -> None:
    settings.MAX_ATTEMPTS = 2
    job = make_job()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), Lease(claim(), 60):
            raise ZeroDivisionError("by zero")
        Job.objects.update(not_before=timezone.now())
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert job.error == "Unexpected ZeroDivisionError at stage prepare: by zero"


@pytest.mark.django_db
def test_an_absent_database_is_left_to_the_sweeper() -> None:
    make_job()
    job = claim()
    with pytest.raises(OperationalError), Lease(job, 60):
        raise OperationalError("gone")
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on(settings: DjangoSettings) -> None:
    settings.LEASE_S = 1
    make_job()
    job = claim(lease_s=1)
    first = job.lease_until
    with Lease(job, 60):
        deadline = timezone.now() + timedelta(seconds=10)
        while timezone.now() < deadline:
            job.refresh_from_db()
            if job.lease_until > first:
                break
    assert first < job.lease_until


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_hangs_ends_its_process_and_is_queued_again(
    settings: DjangoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_S = 1
    ended = threading.Event()
    monkeypatch.setattr(leases.os, "_exit", lambda code: ended.set())
    make_job()
    job = claim(lease_s=1)
    with Lease(job, limit_s=0.1):
        assert ended.wait(10)
        job.advance(INFER, {})
    job.refresh_from_db()
    assert (job.state, job.stage) == (Job.State.QUEUED, PREPARE)
    assert "took longer" in job.progress


@pytest.mark.django_db
def test_an_older_job_does_not_speak_for_its_study() -> None:
    study = make_study()
    make_job(study, series_key="old")
    old = claim()
    make_job(study, series_key="new")
    old.fail("no longer of interest")
    study.refresh_from_db()
    assert study.state == Study.State.QUEUED


@pytest.mark.django_db
def test_only_failed_and_superseded_jobs_start_again_and_they_start_clean() -> None:
    make_job()
    job = claim()
    assert not job.restart("someone")
    job.advance(INFER, {"a": 1.0})
    claim(INFER).fail("broken")
    job.refresh_from_db()
    assert job.restart("someone")
    job.refresh_from_db()
    assert (job.stage, job.state, job.error, job.seconds, job.requested_by) == (
        PREPARE, Job.State.QUEUED, "", {}, "someone",
    )  # fmt: skip


def test_every_option_of_the_actors_is_spelled_out() -> None:
    for actor in [*tasks.ACTORS.values(), tasks.deliver]:
        assert {"max_retries", "max_age", "time_limit"} <= set(actor.options), actor
        assert isinstance(actor, dramatiq.Actor)
    for stage, actor in tasks.ACTORS.items():
        assert actor.options["time_limit"] > tasks.LIMITS_S[stage] * 1000


@pytest.mark.django_db
def test_a_worker_that_starts_clears_away_the_rows_of_those_that_ended_on_its_host() -> None:
    WorkerBeat.beat(f"here:{os.getpid()}", ["cpu"])
    WorkerBeat.beat("here:999999999", ["cpu"])
    WorkerBeat.beat("there:999999999", ["cpu"])
    WorkerBeat.forget_ended("here")
    assert set(WorkerBeat.objects.values_list("name", flat=True)) == {
        f"here:{os.getpid()}",
        "there:999999999",
    }
