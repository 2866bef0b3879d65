"""Masks that readers edit: taken, measured anew by a job of their own, undone."""

from __future__ import annotations

import hashlib
import logging
import tempfile
import uuid
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from django.db import transaction
from django.utils import timezone
from pydicom.dataset import Dataset

from orthanc.errors import BadSeriesError, HopelessError
from orthanc.seg_reading import labels_from_seg
from orthanc.sources import read_source
from orthanc.types import Role
from review.artefacts import (
    ArtefactsGoneError,
    job_folder,
    read_brain_mask,
    read_gates,
    read_segmentation,
    write_segmentation,
)
from review.audit import record
from review.models import AuditAction, Correction, Job, Result, Study
from review.models.job_queue import locked_study
from review.pacs import connect
from review.services_of_review import CannotReviewError
from review.tasks import send_on_commit
from segmentation.edited import remeasure
from segmentation.errors import SegmentationError

log = logging.getLogger(__name__)


def correct(result: Result, seg: Dataset, *, by: str) -> Correction:
    """Take an edited mask (a SEG); a job measures it, and its result takes the place of the one corrected.

    The same mask sent twice is one correction.

    Raises:
        CannotReviewError: the result is superseded, or the mask does not belong to it, is none, or is unchanged.
        OrthancUnavailableError: the series that it is drawn on cannot be had now.
    """
    if result.superseded_by_id is not None:
        raise CannotReviewError("A newer result took the place of this one: open the images again.")
    try:
        labels = _labels(result, seg)
        before = read_segmentation(job_folder(result.job_id).inferred)
        if _voxels(labels) == _voxels(before.labels):
            raise CannotReviewError("The mask is the same as before.")
        brain_mask = read_brain_mask(job_folder(result.job_id).inferred)
        done = remeasure(before, labels, brain_mask)
    except (HopelessError, SegmentationError, ArtefactsGoneError) as error:
        raise CannotReviewError(str(error)) from error
    job = _job_for(result, labels, by)
    folder = job_folder(job.pk).inferred
    write_segmentation(done, folder, read_gates(job_folder(result.job_id).inferred), brain_mask)
    return _start(result, job, by)


def undo_correction(correction: Correction, *, by: str) -> None:
    """Take an edited mask back: what it corrected speaks for the study again. The correction stays as history.

    Raises:
        CannotReviewError: it was taken back before, or something newer than its result speaks for the study.
    """
    corrected = correction.result
    with locked_study(corrected.study_id):
        made = Result.objects.filter(job=correction.job_id).first()
        if made is not None and made.superseded_by_id is not None:
            raise CannotReviewError("A newer result took the place of the edited one.")
        standing = Correction.objects.filter(pk=correction.pk, undone_at=None)
        if not standing.update(undone_by=by, undone_at=timezone.now()):
            raise CannotReviewError("This correction was taken back already.")
        if made is None:
            correction.job.supersede()
        else:
            corrected.make_current()
        record(
            AuditAction.CORRECTED,
            by,
            study=corrected.study,
            result=corrected.pk,
            correction=correction.pk,
            undone=True,
        )
        Study.objects.filter(pk=corrected.study_id).update(changed_at=timezone.now())
    correction.refresh_from_db()
    log.info("correction %s undone", correction.pk)


def corrections_of(study: Study) -> list[Correction]:
    """All corrections of a study with their jobs, oldest first."""
    return list(Correction.objects.filter(result__study=study).select_related("job", "job__result"))


def _labels(result: Result, seg: Dataset) -> sitk.Image:
    series = result.job.chosen[Role.T1CE]
    with tempfile.TemporaryDirectory() as folder, connect() as pacs:
        files = pacs.download_series(series["orthanc_id"], Path(folder) / "t1ce")
        try:
            return labels_from_seg(seg, read_source(files))
        except BadSeriesError as error:
            raise CannotReviewError(f"{Role.T1CE}: {error}") from error


def _voxels(labels: sitk.Image) -> bytes:
    return np.ascontiguousarray(sitk.GetArrayViewFromImage(labels)).tobytes()


def _job_for(result: Result, labels: sitk.Image, by: str) -> Job:
    """The job that publishes the edited mask, not stored yet; the same mask of the same reader gives its first one."""
    digest = hashlib.sha256(_voxels(labels))
    digest.update(f"{result.pk}:{by}".encode())
    key = digest.hexdigest()
    known = Job.objects.filter(study=result.study_id, series_key=key).first()
    corrected = result.job
    return known or Job(
        id=uuid.uuid4(),
        study=result.study,
        series_key=key,
        chosen=corrected.chosen,
        model_name=corrected.model_name,
        model_version=corrected.model_version,
        phase=corrected.phase,
        quality_policy=corrected.quality_policy,
        priority=corrected.priority,
        rule_set=corrected.rule_set,
        rule_name=corrected.rule_name,
        destinations=corrected.destinations,
        requested_by=by,
        stage=Job.Stage.PUBLISH,
    )


@transaction.atomic
def _start(result: Result, job: Job, by: str) -> Correction:
    """Queue the job; a mask that was taken back and is sent again speaks again."""
    Study.objects.select_for_update().get(pk=result.study_id)
    known = Correction.objects.filter(job=job.pk).first()
    if known is not None and known.stands:
        return known
    if known is not None:
        Correction.objects.filter(pk=known.pk).update(undone_by="", undone_at=None)
        _queue_again(job, by)
        correction = known
    else:
        job.save(force_insert=True)
        correction = Correction.objects.create(result=result, job=job, by=by)
        send_on_commit(job)
    record(AuditAction.CORRECTED, by, study=result.study, result=result.pk, correction=correction.pk)
    Study.objects.filter(pk=result.study_id).update(changed_at=timezone.now())
    log.info("result %s corrected", result.pk)
    return correction


def _queue_again(job: Job, by: str) -> None:
    made = Result.objects.filter(job=job.pk).first()
    if made is not None:
        made.make_current()
    elif job.restart(by):
        Job.objects.filter(pk=job.pk).update(stage=Job.Stage.PUBLISH)
        job.refresh_from_db()
        send_on_commit(job)
