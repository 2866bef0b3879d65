"""A chosen series turned out to be broken when its images were read: another of its role takes its place."""

from __future__ import annotations

import logging

from review.intake import decide_anew
from review.models import Job, Series
from review.models.job_queue import locked_study

log = logging.getLogger(__name__)


def set_aside(job: Job, role: str, flaw: str) -> None:
    """Note why a series of a job cannot be used, and start the job with the next best, if there is one.

    The note holds until the series has other images.
    """
    chosen = job.chosen[role]
    with locked_study(job.study_id):
        broken = Series.objects.filter(
            series_uid=chosen["series_uid"], instances_digest=chosen["instances_digest"]
        )
        if job.study.current_job_id == job.pk and broken.update(flaw=flaw):
            log.info("job %s: its %s cannot be used", job.pk, role)
            decide_anew(job.study)


def words_of_set_aside(job: Job) -> tuple[str, ...]:
    """What the reader of a result has to know: which series would have been taken, and why it was not."""
    broken = job.study.series.exclude(flaw="").filter(role__in=list(job.chosen))
    used = {one["series_uid"] for one in job.chosen.values()}
    return tuple(
        f"{one.role}: series {one.series_number} could not be used ({one.flaw.rstrip('.')}); "
        f"series {job.chosen[one.role].get('series_number')} was taken."
        for one in broken
        if one.series_uid not in used
    )
