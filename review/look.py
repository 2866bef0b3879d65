"""Asking the images of a job whether its series are what their headers say, once they have been read.

Where headers leave open which of two series is which, the pixels decide, and the job that had them the wrong way round
makes way for one that has them right. Where headers are sure and the pixels clearly disagree, the reader is told:
fat suppression, blood and motion can deceive the pixels too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import SimpleITK as sitk

from orthanc.content import STRICTER, ContentQuestion, look_at
from orthanc.errors import HopelessError
from orthanc.merits import SURE
from orthanc.types import Role, RoleGuess
from orthanc.words import FAT_SUPPRESSED, plain
from review.intake import decide_anew
from review.models import Job, Series, roles_told
from review.models.job_queue import locked_study

log = logging.getLogger(__name__)

PAIRS = ((Role.T1, Role.T1CE), (Role.T2, Role.FLAIR))


class ExchangedSeriesError(HopelessError):
    """The images of a pair are the other way round; the study goes on with another job."""


def check_roles_by_content(job: Job, images: Mapping[str, sitk.Image]) -> tuple[str, ...]:
    """Compare the images (by role) with the headers of their series; what the reader should be warned of.

    Raises:
        ExchangedSeriesError: the headers were unsure and the images say the opposite; another job has been made.
    """
    rows = {one.series_uid: one for one in job.study.series.all()}
    if any(one["series_uid"] not in rows for one in job.chosen.values()):
        return ()  # deleted meanwhile; the stages that follow will say so
    return tuple(words for pair in PAIRS for words in _check_pair(job, pair, rows, images))


def _check_pair(
    job: Job, roles: tuple[Role, Role], rows: Mapping[str, Series], images: Mapping[str, sitk.Image]
) -> Iterator[str]:
    pair = [rows[job.chosen[role]["series_uid"]] for role in roles]
    question = ContentQuestion(pair[0].series_uid, pair[1].series_uid, roles)
    confidences = [one.role_confidence for one in pair]
    is_open = min(confidences) < SURE and not set(roles_told(job.study)) & {one.series_uid for one in pair}
    seen = look_at(question, images[roles[0]], images[roles[1]], 1.0 if is_open else STRICTER)
    is_turned = bool(seen) and seen[pair[0].series_uid].role is not roles[0]
    if is_open and seen:
        _write_down(job, seen)
    elif is_open:
        yield (
            f"Neither headers nor images tell surely which of {roles[0]} (series {pair[0].series_number}) and "
            f"{roles[1]} (series {pair[1].series_number}) is which: check it."
        )
    if not is_turned:
        return
    if is_open:
        raise ExchangedSeriesError(
            f"The images show that {roles[0]} and {roles[1]} are the other way round than their headers suggested; "
            "the study goes on with them exchanged."
        )
    if not any(FAT_SUPPRESSED.search(plain(one.description)) for one in pair):
        yield (
            f"Judged by their images, {roles[0]} (series {pair[0].series_number}) and {roles[1]} "
            f"(series {pair[1].series_number}) may be exchanged: check which is which."
        )


def _write_down(job: Job, seen: Mapping[str, RoleGuess]) -> None:
    """Keep what was seen, until the series has other images, and decide anew."""
    digests = {one["series_uid"]: one["instances_digest"] for one in job.chosen.values()}
    with locked_study(job.study_id):
        for uid, guess in seen.items():
            row = Series.objects.filter(series_uid=uid, instances_digest=digests[uid])
            row.update(seen_role=guess.role, seen_reason=guess.reason)
        if job.study.current_job_id == job.pk:
            log.info("job %s: the pixels were asked which of two series is which", job.pk)
            decide_anew(job.study)
