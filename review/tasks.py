"""The actors. The row is the truth: a message is only a ticket for "a job of this queue", so Dramatiq retries nothing.

What belongs to finished studies has a queue of its own: behind the tickets of a morning's studies to prepare, a worker
would not even see it. The same worker serves both and takes what is more urgent first.
The pipeline is imported inside the actors, so that the web process never loads torch.
"""

from __future__ import annotations

import logging

import dramatiq
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from dramatiq.errors import BrokerConnectionError
from redis.exceptions import RedisError

from review.leases import Lease, claim
from review.models import Alert, Comparison, Delivery, Flag, Following, Heartbeat, Job, ShadowRun

log = logging.getLogger(__name__)

LIMITS_S = {Job.Stage.PREPARE: 20 * 60, Job.Stage.INFER: 30 * 60, Job.Stage.PUBLISH: 15 * 60}
"""A stage that takes longer hangs: its process is ended (see `Lease`). Dramatiq's own limit comes after it."""

BROKER_AWAY = (BrokerConnectionError, RedisError)


@dramatiq.actor(
    actor_name="prepare",
    queue_name="cpu",
    priority=10,
    max_retries=0,
    max_age=None,
    time_limit=25 * 60 * 1000,
)
def prepare(job_id: str) -> None:
    """Four series in Orthanc -> registered, skull-stripped images in the job's folder."""
    if not is_far_ahead():
        take_one(Job.Stage.PREPARE)


@dramatiq.actor(
    actor_name="infer", queue_name="gpu", priority=10, max_retries=0, max_age=None, time_limit=35 * 60 * 1000
)
def infer(job_id: str) -> None:
    """Prepared images -> label map and volumes in the job's folder."""
    take_one(Job.Stage.INFER)


@dramatiq.actor(
    actor_name="publish",
    queue_name="results",
    priority=0,
    max_retries=0,
    max_age=None,
    time_limit=20 * 60 * 1000,
)
def publish(job_id: str) -> None:
    """Label map and volumes -> SEG and SR in Orthanc, numbers in the database."""
    take_one(Job.Stage.PUBLISH)


def take_one(stage: Job.Stage) -> None:
    """Run this stage of the job whose turn it is, if there is one."""
    if (job := claim(stage)) is not None:
        with Lease(job, LIMITS_S[stage]):
            run_stage(job)


def is_far_ahead() -> bool:
    """Whether so many prepared studies wait to be segmented that the disk should not take more of them."""
    return Job.objects.filter(stage=Job.Stage.INFER, state=Job.State.QUEUED).count() >= settings.PREPARE_AHEAD


def run_stage(job: Job) -> None:
    """The work of the stage at which a claimed job stands."""
    from review import pipeline

    match Job.Stage(job.stage):
        case Job.Stage.PREPARE:
            end_stage(job, pipeline.prepare_job(job))
        case Job.Stage.INFER:
            end_stage(job, pipeline.infer_job(job))
        case Job.Stage.PUBLISH:
            pipeline.publish_job(job)


@dramatiq.actor(
    actor_name="deliver",
    queue_name="results",
    priority=5,
    max_retries=0,
    max_age=None,
    time_limit=15 * 60 * 1000,
)
def deliver(delivery_id: int) -> None:
    """One object of a published result -> one destination of the rule; what waits behind it follows."""
    delivery = Delivery.objects.select_related("item__result").filter(pk=delivery_id).first()
    if delivery is None or not delivery.begin():
        return
    from review.deliver import send_object

    send_object(delivery)
    if (following := delivery.next_in_line()) is not None:
        send_ticket(following)


@dramatiq.actor(
    actor_name="note", queue_name="results", priority=0, max_retries=0, max_age=None, time_limit=5 * 60 * 1000
)
def note(flag_id: int) -> None:
    """One flag -> its rejection note in Orthanc."""
    flag = Flag.objects.select_related("result__study", "result__job").filter(pk=flag_id).first()
    if flag is None or not flag.begin_note():
        return
    from review.rejections import note_flag

    note_flag(flag)


@dramatiq.actor(
    actor_name="alert",
    queue_name="results",
    priority=5,
    max_retries=0,
    max_age=None,
    time_limit=5 * 60 * 1000,
)
def alert(alert_id: int) -> None:
    """One alert -> the mail addresses and the webhook of the site."""
    row = Alert.objects.select_related("study").filter(pk=alert_id).first()
    if row is None or not row.begin():
        return
    from review.alerts import deliver_alert

    deliver_alert(row)


@dramatiq.actor(
    actor_name="follow", queue_name="cpu", priority=20, max_retries=0, max_age=None, time_limit=15 * 60 * 1000
)
def follow(following_id: int) -> None:
    """The lesions of one visit, joined anew with those of the visits before; the next visit follows."""
    row = Following.objects.filter(pk=following_id).first()
    if row is None or not row.begin():
        return
    from review.follow_again import follow_again

    if (waiting := follow_again(row)) is not None:
        send_ticket(waiting)


@dramatiq.actor(
    actor_name="shadow",
    queue_name="gpu",
    priority=100,
    max_retries=0,
    max_age=None,
    time_limit=50 * 60 * 1000,
)
def shadow(run_id: int) -> None:
    """One model on the series of one result -> numbers to compare; behind all that is clinical."""
    run = ShadowRun.objects.select_related("algorithm", "result__job").filter(pk=run_id).first()
    if run is None or not run.begin():
        return
    from review.shadow import run_in_shadow

    run_in_shadow(run)


@dramatiq.actor(
    actor_name="compare", queue_name="cpu", priority=5, max_retries=0, max_age=None, time_limit=15 * 60 * 1000
)
def compare(comparison_id: int) -> None:
    """Two visits -> derived images beside the later one; or their removal."""
    rows = Comparison.objects.select_related("later__job", "later__study", "earlier__job", "earlier__study")
    row = rows.filter(pk=comparison_id).first()
    if row is None or not row.begin():
        return
    from review.compare_visits import work_on

    work_on(row)


@dramatiq.actor(
    actor_name="heartbeat",
    queue_name="results",
    priority=8,
    max_retries=0,
    max_age=None,
    time_limit=15 * 60 * 1000,
)
def heartbeat(heartbeat_id: int) -> None:
    """A phantom study -> Orthanc, as a scanner sends it."""
    row = Heartbeat.objects.filter(pk=heartbeat_id, sent_at=None, ended_at=None).first()
    if row is None:
        return
    from review.heartbeat import send_phantom

    send_phantom(row)


ACTORS = {Job.Stage.PREPARE: prepare, Job.Stage.INFER: infer, Job.Stage.PUBLISH: publish}
ACTOR_OF: dict[type[Model], dramatiq.Actor[[int], None]] = {
    Delivery: deliver,
    Flag: note,
    Alert: alert,
    Following: follow,
    ShadowRun: shadow,
    Comparison: compare,
    Heartbeat: heartbeat,
}
NEXT_STAGE = {Job.Stage.PREPARE: Job.Stage.INFER, Job.Stage.INFER: Job.Stage.PUBLISH}


def end_stage(job: Job, steps: dict[str, float]) -> None:
    """Queue the next stage; its message goes out when that is committed."""
    with transaction.atomic():
        job.advance(NEXT_STAGE[Job.Stage(job.stage)], steps)
        send_on_commit(job)


def send_on_commit(job: Job) -> None:
    """Send the message for a queued job once its row is committed."""
    transaction.on_commit(lambda: send(job))


def send(job: Job) -> bool:
    """Send the message for a queued job now; False where the broker is away. The sweeper tries again later."""
    # Noted before it goes out: a quick worker skips a row that is just being written, and its ticket is gone.
    job.mark_sent()
    try:
        ACTORS[Job.Stage(job.stage)].send(str(job.pk))
    except BROKER_AWAY as error:
        log.warning("job %s: the broker is away (%s); the sweeper will send it", job.pk, type(error).__name__)
        job.mark_unsent()
        return False
    return True


def send_ticket(row: Delivery | Flag | Alert | Following | ShadowRun | Comparison | Heartbeat) -> bool:
    """Send the message for a row of other work now; False where the broker is away. The sweeper tries again later."""
    try:
        ACTOR_OF[type(row)].send(row.pk)
    except BROKER_AWAY as error:
        kind = row._meta.verbose_name
        log.warning("%s %s: the broker is away (%s)", kind, row.pk, type(error).__name__)
        return False
    return True


def send_shadow(run: ShadowRun) -> bool:
    """Send the message for a shadow run, noted before it goes out: the sweeper sends no second one meanwhile."""
    run.mark_sent()
    return send_ticket(run)
