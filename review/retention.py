"""Removing what is older than the site keeps it: label maps of ended jobs, and studies in Orthanc. Numbers stay.

Nothing goes that somebody still waits for: objects that were not delivered, results that are flagged, work under way.
"""

from __future__ import annotations

import logging
import shutil
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from orthanc.client import OrthancClient
from orthanc.errors import NotInOrthancError, OrthancUnavailableError
from review.artefacts import job_folder, job_folders
from review.audit import record
from review.models import AuditAction, Delivery, Flag, Job, SiteSettings, Study
from review.models.job_queue import locked_study
from review.pacs import connect

log = logging.getLogger(__name__)

BY = "retention"
LOOK_EVERY_S = 600
REMOVED_AT_ONCE = 10
"""Studies removed in one look, so that the follower is not held up."""

AT_REST = (Study.State.DONE, Study.State.FAILED, Study.State.INCOMPLETE, Study.State.NOT_WANTED)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is older than the site keeps it: what may go, and how much is held back."""

    studies: QuerySet[Study]
    n_held_studies: int
    jobs: tuple[uuid.UUID, ...]
    n_held_jobs: int


def overdue(site: SiteSettings) -> Kept:
    """What the settings would remove now (a dry run: nothing is touched)."""
    old, free = _old_studies(site), _free_studies(site)
    jobs, free_jobs = _old_jobs(site), _free_jobs(site)
    return Kept(free, old.count() - free.count(), tuple(free_jobs), len(jobs) - len(free_jobs))


def _old_studies(site: SiteSettings) -> QuerySet[Study]:
    if site.study_days is None:
        return Study.objects.none()
    before = timezone.now() - timedelta(days=site.study_days)
    return Study.objects.filter(deleted_at=None, first_seen_at__lt=before).exclude(orthanc_id="")


def _free_studies(site: SiteSettings) -> QuerySet[Study]:
    of_study = {"result__study": OuterRef("pk")}
    undelivered = Delivery.objects.exclude(state=Delivery.State.SENT).filter(
        item__result__study=OuterRef("pk")
    )
    flagged = Flag.objects.filter(undone_at=None, **of_study)
    at_work = Job.objects.filter(study=OuterRef("pk"), state__in=[Job.State.QUEUED, Job.State.RUNNING])
    kept = Exists(undelivered) | Exists(flagged) | Exists(at_work)
    return _old_studies(site).filter(state__in=AT_REST).exclude(kept).order_by("first_seen_at")


def _old_jobs(site: SiteSettings) -> list[uuid.UUID]:
    if site.artefact_days is None:
        return []
    before = timezone.now() - timedelta(days=site.artefact_days)
    ended = Job.objects.filter(pk__in=job_folders(), finished_at__lt=before)
    return list(ended.order_by("finished_at").values_list("pk", flat=True))


def _free_jobs(site: SiteSettings) -> list[uuid.UUID]:
    undelivered = Delivery.objects.exclude(state=Delivery.State.SENT).filter(item__result__job=OuterRef("pk"))
    flagged = Flag.objects.filter(undone_at=None, result__job=OuterRef("pk"))
    ended = Job.objects.filter(
        pk__in=_old_jobs(site), state__in=[Job.State.DONE, Job.State.FAILED, Job.State.SUPERSEDED]
    )
    free = ended.exclude(Exists(undelivered) | Exists(flagged))
    return list(free.order_by("finished_at").values_list("pk", flat=True))


def keep_to_retention() -> int:
    """Remove what is overdue, some at a time, one look in ten minutes and process; how many things went."""
    if not cache.add("retention-looked", True, LOOK_EVERY_S):
        return 0
    return remove_overdue()


def remove_overdue() -> int:
    """Remove what is overdue now, at most `REMOVED_AT_ONCE` studies; how many studies and folders went."""
    site = SiteSettings.load()
    n_folders = sum(_remove_folder(job_id) for job_id in _free_jobs(site))
    if n_folders:
        record(AuditAction.REMOVED, BY, label_maps=n_folders, older_than_days=site.artefact_days)
    chosen = list(_free_studies(site).values_list("pk", flat=True)[:REMOVED_AT_ONCE])
    if not chosen:
        return n_folders
    try:
        with connect() as pacs:
            return n_folders + sum(_remove(pacs, site, study_id) for study_id in chosen)
    except OrthancUnavailableError as error:
        log.warning("retention waits for Orthanc (%s)", type(error).__name__)
        return n_folders


def _remove_folder(job_id: uuid.UUID) -> bool:
    path = job_folder(job_id).path
    try:
        shutil.rmtree(path)
    except OSError as error:
        log.warning("the folder of job %s cannot be removed (%s)", job_id, type(error).__name__)
    return not path.exists()


def _remove(pacs: OrthancClient, site: SiteSettings, study_id: int) -> bool:
    """One study, asked again under its lock: it may have been flagged or begun anew in this very second."""
    with locked_study(study_id):
        study = _free_studies(site).filter(pk=study_id).first()
        if study is None:
            return False
        try:
            pacs.delete_study(study.orthanc_id)
        except NotInOrthancError:
            log.info("study row %s was gone from Orthanc already", study_id)
        with transaction.atomic():
            study.mark_deleted()
            record(AuditAction.REMOVED, BY, study=study, older_than_days=site.study_days)
    return True
