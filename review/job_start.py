"""The job for chosen series: one per study, series and model, and which of them speaks for the study."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from django.utils import timezone

from orthanc.types import SeriesChoice, SeriesHeader
from review.active_model import active_model
from review.models import Algorithm, Job, RoutingRule, Study
from review.rule_versions import current_number
from review.tasks import send_on_commit
from segmentation.errors import BadModelError

log = logging.getLogger(__name__)


def series_key(choice: SeriesChoice) -> str:
    """Digest of which series fill the roles and of their instances: another image gives another key."""
    lines = sorted(f"{role}:{one.series_uid}:{one.instances_digest}" for role, one in choice.picked.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def start_job(study: Study, choice: SeriesChoice, rule: RoutingRule, *, by: str = "") -> Job | None:
    """The job for the chosen series, made where none exists yet; None where no model can do it.

    A job that was made for the same series with an older model still counts, unless a person (`by`) asks again.
    """
    key = series_key(choice)
    known = study.jobs.filter(series_key=key).order_by("-created_at").first()
    if known is not None and not (by and study.current_job_id == known.pk):
        _follow_rule(known, rule)
        _settle_on(study, known)
        return known
    try:
        model = active_model(rule.model).identity
    except BadModelError as error:
        study.move(Study.State.FAILED, str(error))
        return None
    starts_at = rule.starts_at(timezone.now())
    job, _ = Job.objects.get_or_create(
        study=study,
        series_key=key,
        model_name=model.name,
        model_version=model.version,
        defaults={
            "chosen": {role.value: _chosen(one) for role, one in choice.picked.items()},
            "phase": rule.phase,
            "priority": rule.job_priority(),
            "rule_set": current_number(),
            "rule_name": rule.name,
            "not_before": starts_at,
            "send_at": starts_at,
            "quality_policy": rule.quality_policy,
            "destinations": rule.destinations,
            "requested_by": by,
        },
    )
    _settle_on(study, job)
    return job


def _follow_rule(job: Job, rule: RoutingRule) -> None:
    """Let a job of which nothing was begun, and that nobody asked for, follow the rule as it is now."""
    unbegun = Job.objects.unbegun().select_for_update().filter(pk=job.pk).first()
    if unbegun is None or unbegun.rule_set == current_number():
        return
    now = timezone.now()
    starts_at = rule.starts_at(now)
    if starts_at <= now:
        # One that may begin now keeps its place behind those that could earlier.
        starts_at = min(unbegun.not_before, now)
    Job.objects.filter(pk=job.pk).update(
        phase=rule.phase,
        priority=rule.job_priority(),
        rule_set=current_number(),
        rule_name=rule.name,
        not_before=starts_at,
        send_at=max(starts_at, now),
        quality_policy=rule.quality_policy,
        destinations=rule.destinations,
    )
    job.refresh_from_db()
    Study.everything.get(pk=job.study_id).move(Study.State.QUEUED, _off_peak_words(job))


def start_job_with(study: Study, earlier: Job, model: Algorithm, *, by: str) -> Job:
    """The job for the very series of an earlier one with another model; it speaks for the study from now on."""
    job, _ = Job.objects.get_or_create(
        study=study,
        series_key=earlier.series_key,
        model_name=model.name,
        model_version=model.version,
        defaults={
            "chosen": earlier.chosen,
            "phase": earlier.phase,
            "priority": earlier.priority,
            "rule_set": earlier.rule_set,
            "rule_name": earlier.rule_name,
            "quality_policy": earlier.quality_policy,
            "destinations": earlier.destinations,
            "requested_by": by,
        },
    )
    _settle_on(study, job)
    return job


def _chosen(series: SeriesHeader) -> dict[str, Any]:
    return {
        "series_uid": series.series_uid,
        "orthanc_id": series.orthanc_id,
        "instances_digest": series.instances_digest,
        "description": series.description,
        "series_number": series.series_number,
        "n_images": series.n_images,
    }


def _off_peak_words(job: Job) -> str:
    """Why a queued job does not begin at once; empty where it does."""
    if job.not_before <= timezone.now():
        return ""
    return f"Off-peak: starts at {timezone.localtime(job.not_before):%Y-%m-%d %H:%M}."


def _settle_on(study: Study, job: Job) -> None:
    """Make this the job that speaks for the study; work not yet begun on other series is given up."""
    if study.current_job_id == job.pk and job.state != Job.State.SUPERSEDED:
        return
    for other in study.jobs.filter(state=Job.State.QUEUED, started_at=None).exclude(pk=job.pk):
        other.supersede()
    Study.everything.filter(pk=study.pk).update(current_job=job)
    study.refresh_from_db()
    if job.state == Job.State.SUPERSEDED:
        job.restart(by=job.requested_by)
    state, reason = {
        Job.State.QUEUED: (Study.State.QUEUED, _off_peak_words(job)),
        Job.State.RUNNING: (Study.State.PROCESSING, job.progress),
        Job.State.FAILED: (Study.State.FAILED, job.error),
        Job.State.DONE: (Study.State.DONE, ""),
    }[Job.State(job.state)]
    study.move(state, reason)
    if job.state == Job.State.DONE:
        job.result.make_current()
    elif job.state == Job.State.QUEUED:
        if job.not_before <= timezone.now():
            send_on_commit(job)
        log.info("job %s queued for study %s", job.pk, study.study_uid)
