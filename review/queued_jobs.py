"""Jobs of which nothing was begun follow the rules in force: their place in the queue, their hours, or not at all."""

from __future__ import annotations

import logging

from django.db import DataError

from review.intake import decide_anew
from review.models import Job, Study
from review.models.job_queue import locked_study
from review.rule_versions import current_number

log = logging.getLogger(__name__)

FOLLOWED_AT_ONCE = 40
"""Jobs looked at in one sweep, so that the follower is not held up."""


def follow_new_rules() -> int:
    """Let jobs that were made under an earlier version follow the one in force, some at a time; how many.

    A job that has begun, or that a person asked for, keeps what it has.
    """
    number = current_number()
    if not number:
        return 0
    behind = Job.objects.unbegun().exclude(rule_set=number).order_by("-priority", "queued_at")
    chosen = list(behind.values_list("pk", "study_id")[:FOLLOWED_AT_ONCE])
    for job_id, study_id in chosen:
        try:
            with locked_study(study_id):
                _follow(Job.objects.get(pk=job_id), Study.everything.get(pk=study_id))
        except (DataError, ValueError, KeyError):
            log.exception("job %s keeps what it has: its study could not be decided anew", job_id)
            Job.objects.filter(pk=job_id).update(rule_set=number)
    return len(chosen)


def _follow(job: Job, study: Study) -> None:
    """Decide the study anew; a job that nobody wants any more, or not with these series, is given up."""
    if study.current_job_id != job.pk:
        job.supersede()
        return
    decide_anew(study)
    still = Job.objects.unbegun().filter(pk=job.pk).exclude(rule_set=current_number())
    if still.exists() and job.supersede():
        Study.everything.filter(pk=study.pk).update(current_job=None)
        study.refresh_from_db()
        decide_anew(study)
