"""How much the disease of a visit changed since the nadir that the rules compare it with, with the interval of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from review.response_types import Assessment, Burden, Timeline
from segmentation.change import VolumeChange, change_between
from segmentation.types import VolumeEstimate

KEPT_CHANGES = 20_000
"""About a millisecond of integrals each; a page that polls asks for the same ones again and again."""


@dataclass(frozen=True, slots=True)
class ChangeSinceNadir:
    """A visit's burden against the nadir's, both as the rules took them."""

    nadir_uid: str
    nadir_on: date
    volume: VolumeChange


def changes_since_nadir(timeline: Timeline) -> dict[str, ChangeSinceNadir]:
    """The change of every visit that has a nadir and whose volumes are known, by study UID."""
    answers = {one.study_uid: one for one in timeline.volumetric}
    found = {}
    for answer in timeline.volumetric:
        nadir = answers.get(answer.nadir_uid)
        change = _change(nadir, answer)
        if nadir is not None and change is not None:
            found[answer.study_uid] = ChangeSinceNadir(nadir.study_uid, nadir.on, change)
    return found


def _change(nadir: Assessment | None, answer: Assessment) -> VolumeChange | None:
    earlier, later = _estimate(nadir.burden if nadir else None), _estimate(answer.burden)
    return _kept_change(earlier, later) if earlier and later else None


@lru_cache(maxsize=KEPT_CHANGES)
def _kept_change(earlier: VolumeEstimate, later: VolumeEstimate) -> VolumeChange:
    return change_between(earlier, later)


def _estimate(burden: Burden | None) -> VolumeEstimate | None:
    if burden is None or burden.low is None or burden.high is None:
        return None
    return VolumeEstimate(burden.value, burden.low, burden.high)
