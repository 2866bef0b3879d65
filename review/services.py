"""Writes that people and the API ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.db import transaction

from orthanc.client import OrthancClient
from orthanc.types import NEEDED_ROLES, Role
from review.audit import record
from review.intake import decide_anew, take_study
from review.job_start import start_job_with
from review.models import Algorithm, AuditAction, Job, SeriesOverride, Study, roles_told
from review.tasks import send_on_commit

log = logging.getLogger(__name__)


class NothingToRetryError(Exception):
    """The study stands where trying again has no meaning; the text says why."""


class CannotAssignError(Exception):
    """Series cannot fill roles as asked; the text says why."""


def assign_series(study: Study, assigned: Mapping[Role, str], by: str) -> Study:
    """Fill roles with the series (by their UIDs) that a person names; other series make a new job.

    What is named replaces all that was named before; a role that is not named is filled by the guess again.

    Raises:
        CannotAssignError: a series is not there, is not MR, is ours or is named twice, or a role stays empty in a
            study that has a job. Nothing is changed then.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update().get(pk=study.pk)
        _check_assigned(study, assigned)
        told = {series_uid: role for role, series_uid in assigned.items()}
        if told == roles_told(study):
            raise CannotAssignError("These series are chosen already.")
        study.overrides.all().delete()
        SeriesOverride.objects.bulk_create(
            SeriesOverride(study=study, role=role, series_uid=series_uid, by=by)
            for series_uid, role in told.items()
        )
        decide_anew(study, by=by)
        study.refresh_from_db()
        record(
            AuditAction.SERIES_CHOSEN,
            by,
            study=study,
            roles={role.value: uid for role, uid in assigned.items()},
        )
        filled = set(study.series.filter(is_chosen=True).values_list("role", flat=True))
        missing = [role.value for role in NEEDED_ROLES if role not in filled]
        if study.current_job_id is not None and missing:
            raise CannotAssignError(
                f"No series would be left for {' and '.join(missing)}. Name one for it too."
            )
    log.info("study %s: roles assigned by a person", study.study_uid)
    return study


def _check_assigned(study: Study, assigned: Mapping[Role, str]) -> None:
    if study.deleted_at is not None:
        raise CannotAssignError("The study is no longer in Orthanc.")
    if len(set(assigned.values())) < len(assigned):
        raise CannotAssignError("One series cannot fill two roles.")
    known = {one.series_uid: one for one in study.series.all()}
    for role, series_uid in assigned.items():
        series = known.get(series_uid)
        if series is None:
            raise CannotAssignError(f"{role}: the study has no series {series_uid}.")
        if series.is_ours or series.modality != "MR":
            raise CannotAssignError(f"{role}: series {series.series_number} holds no MR images.")


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
    record(AuditAction.RETRIED, by, study=study)
    log.info("study %s tried again", study.study_uid)
    study.refresh_from_db()
    return study


@transaction.atomic
def try_other_model(study: Study, name: str, version: str, by: str) -> Job:
    """Segment the chosen series again with another installed model; its result takes the place of the present one.

    Raises:
        NothingToRetryError: the study has no finished job, is gone from Orthanc, or the model is not installed.
    """
    study = Study.objects.select_for_update(of=("self",)).select_related("current_job").get(pk=study.pk)
    job = study.current_job
    if study.deleted_at is not None:
        raise NothingToRetryError("The study is no longer in Orthanc.")
    if job is None or job.state in (Job.State.QUEUED, Job.State.RUNNING):
        raise NothingToRetryError("The study has no finished job whose series could be used again.")
    model = Algorithm.objects.filter(name=name, version=version, is_installed=True).first()
    if model is None:
        raise NothingToRetryError(f"The model {name} {version} is not installed.")
    started = start_job_with(study, job, model, by=by)
    log.info("study %s: job %s with another model", study.study_uid, started.pk)
    return started


@transaction.atomic
def _restart(job: Job, by: str) -> None:
    if job.restart(by):
        send_on_commit(job)


@transaction.atomic
def _process_with_newer_model(study: Study, job: Job, by: str) -> None:
    if study.matched_rule is None:
        raise NothingToRetryError("No routing rule wants the study any more.")
    decide_anew(study, by=by)
    study.refresh_from_db()
    if study.current_job_id == job.pk and study.state == Study.State.DONE:
        raise NothingToRetryError("The study is done, with the model that is active now.")
