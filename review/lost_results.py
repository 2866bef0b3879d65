"""Finding results that Orthanc no longer holds, and storing them again from the label maps that are kept."""

from __future__ import annotations

import logging

from orthanc.client import OrthancClient
from orthanc.errors import NotInOrthancError
from orthanc.types import ObjectKind
from review.models import Job, Result

log = logging.getLogger(__name__)

BATCH = 200
"""Results looked at in one round, one question to Orthanc each."""


def store_lost_results(pacs: OrthancClient, below: int | None) -> int | None:
    """Look at the next results, newest first, and queue what Orthanc lost to be published again.

    `below` is where the round before ended; gives where this one did, or None at the end.
    """
    rows = Result.objects.filter(
        superseded_by=None, study__deleted_at=None, study__is_heartbeat=False, job__state=Job.State.DONE
    )
    if below is not None:
        rows = rows.filter(pk__lt=below)
    batch = list(
        rows.order_by("-pk").select_related("job", "study").prefetch_related("dicom_objects")[:BATCH]
    )
    for result in batch:
        if is_lost(pacs, result) and result.job.publish_again():
            log.warning("job %s: Orthanc lost its results; they are stored again", result.job_id)
    return batch[-1].pk if len(batch) == BATCH else None


def is_lost(pacs: OrthancClient, result: Result) -> bool:
    """Whether Orthanc holds the study, but not every object of a result."""
    try:
        held = pacs.images_by_series(result.study.orthanc_id)
    except NotInOrthancError:
        return False  # the study itself is gone, which is noted elsewhere
    made = [one for one in result.dicom_objects.all() if one.kind != ObjectKind.KOS]
    return any(held.get(one.series_uid, 0) < one.n_instances for one in made)
