"""Lesions joined anew, after an earlier visit was flagged, superseded, added or linked."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils import timezone

from orthanc.types import Role
from review.artefacts import job_folder, read_segmentation
from review.lesion_tracking import follow_lesions, record_following
from review.longitudinal import key_of
from review.models import Following, Result, Study
from review.models.job_queue import locked_study
from review.pacs import connect
from review.stale_lesions import of_person
from segmentation.errors import BadInputError

log = logging.getLogger(__name__)


def follow_again(following: Following) -> Following | None:
    """Join the lesions of one result anew; the next visit that waits for that.

    Raises:
        OrthancUnavailableError: worth another try.
    """
    result = Result.objects.select_related("job", "study").get(pk=following.result_id)
    try:
        labels = read_segmentation(job_folder(result.job_id).inferred).labels
    except BadInputError:
        log.warning("result %s: its label map is gone, its lesions keep their identities", result.pk)
        Following.objects.filter(pk=following.pk).update(stale_at=None)
        return _next(result)
    with TemporaryDirectory() as scratch, connect() as pacs:
        chosen = result.job.chosen[Role.T1CE]
        files = pacs.download_series(chosen["orthanc_id"], Path(scratch) / "t1ce")
        followed = follow_lesions(result.job, labels, files, pacs)
    with locked_study(result.study_id):
        record_following(result, followed)
        Following.objects.filter(pk=following.pk, stale_at=following.stale_at).update(stale_at=None)
        Study.everything.filter(pk=result.study_id).update(changed_at=timezone.now())
    return _next(result)


def _next(result: Result) -> Following | None:
    """The visit of the same person that waits next, by date."""
    due = Following.due().filter(of_person(key_of(result.study))).exclude(result=result)
    return due.order_by("result__study__study_date", "result__study__study_time").first()
