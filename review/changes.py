"""How much the disease of a visit changed since the nadir that the rules compare it with, with the interval of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from review.course_changes import volume_change
from review.response_types import Assessment, Burden, Timeline
from segmentation.change import VolumeChange
from segmentation.types import VolumeEstimate


@dataclass(frozen=True, slots=True)
class ChangeSinceNadir:
    """A visit's burden against the nadir's, both as the rules took them."""

    nadir_uid: str
    nadir_on: date
    volume: VolumeChange


def changes_since_nadir(timeline: Timeline) -> dict[str, ChangeSinceNadir]:
    """The change of every visit that has a nadir and whose volumes are known, by study UID."""
    found = ((answer.study_uid, change_since_nadir(timeline, answer)) for answer in timeline.volumetric)
    return {uid: change for uid, change in found if change is not None}


def change_since_nadir(timeline: Timeline, answer: Assessment) -> ChangeSinceNadir | None:
    """The change of one visit; None where it has no nadir, or a volume is missing."""
    nadir = timeline.assessment_of(answer.nadir_uid) if answer.nadir_uid else None
    if nadir is None:
        return None
    earlier, later = _estimate(nadir.burden), _estimate(answer.burden)
    if earlier is None or later is None:
        return None
    return ChangeSinceNadir(nadir.study_uid, nadir.on, volume_change(earlier, later))


def _estimate(burden: Burden | None) -> VolumeEstimate | None:
    if burden is None or burden.low is None or burden.high is None:
        return None
    return VolumeEstimate(burden.value, burden.low, burden.high)
