"""Finding work that was left lying: a worker that died, a message that was lost, a wait that is over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from review import heartbeat
from review.alerts import raise_alerts
from review.artefacts import folders_with_images, job_folder
from review.drift_watch import watch_drift
from review.intake import expire_waits
from review.models import Alert, Comparison, Delivery, Flag, Following, Job, ShadowRun
from review.models.job_queue import locked_study
from review.queued_jobs import follow_new_rules
from review.retention import keep_to_retention
from review.rule_sets import decide_under_new_rules
from review.tasks import (
    ACTORS,
    alert,
    send,
    send_shadow,
    send_ticket,
)
from review.tickets import waiting_tickets

Row = TypeVar("Row", bound=Model)

log = logging.getLogger(__name__)

KEEP_IMAGES_FOR = timedelta(days=1)
"""Time to look into why a job failed."""

REFILL = 20
"""Tickets made in one sweep for a queue that has none; no machine has so many workers idle."""

BATCH = 200
"""Messages sent in one sweep, so that a long queue does not hold up the follower."""


def sweep() -> None:
    """One round. PostgreSQL is the truth: an empty broker is filled again from it."""
    take_back_silent_jobs()
    Job.objects.mend_times()
    _send_all(Job.objects.unsent().order_by("-priority", "queued_at"), send)
    refill_queues()
    # Their rows stay due until a worker takes them: each round would add a ticket for all that wait behind long work.
    is_quiet = waiting_tickets(alert.queue_name) == 0
    if is_quiet:
        _send_all(Delivery.objects.due(), send_ticket)
        _send_all(Flag.without_note(), send_ticket)
    _send_all(Comparison.due().order_by("asked_at"), send_ticket)
    _send_all(Following.due().order_by("result__study__study_date"), send_ticket)
    decide_under_new_rules()
    follow_new_rules()
    expire_waits()
    raise_alerts()
    watch_drift()
    keep_to_retention()
    _send_all(ShadowRun.due(), send_shadow)
    heartbeat.tick()
    if is_quiet:
        _send_all(Alert.objects.filter(state=Alert.State.WAITING, send_at__lte=Now()), send_ticket)


def refill_queues() -> int:
    """Make tickets where jobs are due and none waits in the broker, because it was emptied or a worker died with them.

    One too many does no harm: it finds no job. How many were made.
    """
    made = 0
    for stage, actor in ACTORS.items():
        if waiting_tickets(actor.queue_name) == 0:
            made += sum(send(job) for job in Job.objects.due(stage)[:REFILL])
    return made


def _send_all(rows: QuerySet[Row], send_one: Callable[[Row], bool]) -> None:
    """Send messages until the broker is away."""
    for row in rows[:BATCH]:
        if not send_one(row):
            break


def remove_old_images() -> int:
    """Remove the patient images of jobs that ended without a result a while ago; how many folders."""
    try:
        left = folders_with_images()
    except (OSError, ValueError) as error:  # foreign files there must not stop the follower
        log.warning("the artefact folder cannot be looked through: %s", error)
        return 0
    over = timezone.now() - KEEP_IMAGES_FOR
    at_work = set(
        Job.objects.filter(pk__in=left)
        .filter(Q(finished_at=None) | Q(finished_at__gt=over))
        .values_list("pk", flat=True)
    )
    old = [job_id for job_id in left if job_id not in at_work]
    for job_id in old:
        job_folder(job_id).keep_result_only()
    return len(old)


def take_back_silent_jobs() -> int:
    """Queue the jobs of dead workers again, and fail those that killed too many; how many there were."""
    count = 0
    for job_id, study_id in Job.objects.silent().values_list("pk", "study_id"):
        with locked_study(study_id):
            # Locked, so that a heartbeat that comes this late finds the job no longer its own.
            job = Job.objects.silent().select_for_update().filter(pk=job_id).first()
            if job is not None:
                _take_back(job)
                count += 1
    return count


def _take_back(job: Job) -> None:
    log.warning("job %s: its worker went silent at %s, start %d", job.pk, job.stage, job.attempts)
    times = "once" if job.attempts == 1 else f"{job.attempts} times"
    job.stumble(f"The worker died {times} at stage {job.stage}.", settings.MAX_ATTEMPTS)
