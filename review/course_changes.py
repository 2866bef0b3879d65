"""What changed from one visit of a course to another, with the interval of the change.

An integral for each pair of volumes: some milliseconds. What was asked once is kept, and nobody who only draws the
course waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from orthanc.types import MeasuredRegion
from review.course_facts import Visit
from review.response_types import Timeline
from segmentation.change import VolumeChange, change_between
from segmentation.types import VolumeEstimate

KEPT = 30_000
"""Changes since the nadir are asked for as well, and a page that polls asks for the same ones again and again."""


@dataclass(frozen=True, slots=True)
class VisitChange:
    """Every volume of a visit against an earlier one."""

    since_uid: str
    since: date
    volumes: dict[MeasuredRegion, VolumeChange]
    """Regions that both visits have, in millilitres."""


def change_since(earlier: Visit, later: Visit) -> VisitChange:
    """What changed from one counted visit to another.

    Raises:
        ValueError: the earlier visit has no date.
    """
    if earlier.on is None:
        raise ValueError("A change is counted from a visit with a date.")
    return VisitChange(
        earlier.study_uid,
        earlier.on,
        {
            region: volume_change(earlier.volumes[region], later.volumes[region])
            for region in MeasuredRegion
            if region in earlier.volumes and region in later.volumes
        },
    )


@lru_cache(maxsize=KEPT)
def volume_change(earlier: VolumeEstimate, later: VolumeEstimate) -> VolumeChange:
    """The change of one volume."""
    return change_between(earlier, later)


def prior_visit(timeline: Timeline, study_uid: str) -> Visit | None:
    """The counted visit before a study's; None for the first, and for a study that does not count."""
    counted = timeline.counted
    place = next((at for at, visit in enumerate(counted) if visit.study_uid == study_uid), 0)
    return counted[place - 1] if place else None


def visit_of(timeline: Timeline, study_uid: str) -> Visit | None:
    """The counted visit of a study."""
    return next((visit for visit in timeline.counted if visit.study_uid == study_uid), None)


def change_since_prior(timeline: Timeline, study_uid: str) -> VisitChange | None:
    """What changed since the counted visit before."""
    earlier, later = prior_visit(timeline, study_uid), visit_of(timeline, study_uid)
    return change_since(earlier, later) if earlier and later else None
