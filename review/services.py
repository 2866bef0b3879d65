"""Writes that people and the API ask for."""

from __future__ import annotations

import logging

from django.db import transaction

from orthanc.client import OrthancClient
from orthanc.series import choose_series
from review.intake import start_job, take_study
from review.models import Job, Study
from review.tasks import send_on_commit

log = logging.getLogger(__name__)


class NothingToRetryError(Exception):
    """The study stands where trying again has no meaning; the text says why."""


def retry_study(pacs: OrthancClient, study: Study, by: str) -> Study:
    """Try a study again: its failed job from the first stage, else its intake from what Orthanc holds now.

    A study that is done is processed again where a newer model is installed.

    Raises:
        NothingToRetryError: it is being processed, is gone, or is done with this very model.
    """
    if study.deleted_at is not None:
        raise NothingToRetryError("The study is no longer in Orthanc.")
    job = study.current_job
    if job is not None and job.state in (Job.State.QUEUED, Job.State.RUNNING):
        raise NothingToRetryError("The study is in the queue or being processed already.")
    if job is not None and job.state == Job.State.FAILED:
        _restart(job, by)
    elif job is not None:
        _process_with_newer_model(study, job, by)
    else:
        # A wait that ended starts over, with whatever series are there by now.
        Study.objects.filter(pk=study.pk).update(wait_deadline=None)
        take_study(pacs, study.orthanc_id)
    log.info("study %s tried again", study.study_uid)
    study.refresh_from_db()
    return study


@transaction.atomic
def _restart(job: Job, by: str) -> None:
    if job.restart(by):
        send_on_commit(job)


@transaction.atomic
def _process_with_newer_model(study: Study, job: Job, by: str) -> None:
    headers = [one.as_header() for one in study.series.filter(is_ours=False)]
    if study.matched_rule is None:
        raise NothingToRetryError("No routing rule wants the study any more.")
    again = start_job(study, choose_series(headers), study.matched_rule, by=by)
    if again is not None and again.pk == job.pk:
        raise NothingToRetryError("The study is done, with the model that is active now.")
