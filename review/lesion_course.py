"""Lesions over the visits of a course: their numbers, what became of each, and a curve for each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from review.course_facts import LesionAt, LesionCurve, LesionPoint, TrackedAt, Visit
from segmentation.types import Fate

LESION_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#b8a800", "#7f3c8d", "#4d4d4d"
)  # fmt: skip
"""By number, then from the start again: told apart by readers who see few colours (after Okabe and Ito)."""


def colour_of(number: int) -> str:
    """The colour of a lesion, as #rrggbb."""
    return LESION_COLOURS[(number - 1) % len(LESION_COLOURS)]


def with_numbers(visits: Sequence[Visit]) -> list[Visit]:
    """The visits, in order of time, with their lesions numbered and with what became of each.

    Numbers go from 1 in the order in which counted visits show the lesions first. Lesions of results that do not
    count come last, so that a poor mask takes no number from a good one.
    """
    in_turn = sorted(visits, key=lambda visit: not visit.counts)
    uids = dict.fromkeys(
        one.tracking_uid for visit in in_turn for one in visit.tracked or () if one.tracking_uid
    )
    numbers = {uid: number for number, uid in enumerate(uids, start=1)}
    seen: set[str] = set()
    made = []
    for visit in visits:
        made.append(_numbered(visit, numbers, seen))
        if visit.counts:
            seen.update(one.tracking_uid for one in visit.tracked or () if one.tracking_uid)
    return made


def _numbered(visit: Visit, numbers: dict[str, int], seen: set[str]) -> Visit:
    if visit.tracked is None:
        return visit
    tracked = tuple(
        replace(
            one,
            number=numbers.get(one.tracking_uid),
            parents=tuple(numbers[uid] for uid in one.parent_uids if uid in numbers),
            fate=_fate(one, seen),
        )
        for one in visit.tracked
    )
    by_component = {one.component: one for one in tracked}
    lesions = tuple(_as_rated(one, by_component.get(one.component)) for one in visit.lesions or ())
    return replace(visit, tracked=tracked, lesions=None if visit.lesions is None else lesions)


def _fate(lesion: TrackedAt, seen: set[str]) -> Fate | None:
    """As of the visits that count now: visits may have come, gone, or come in another order since it was stored."""
    if lesion.fate is None:
        return None
    if not seen:
        return Fate.FIRST
    if lesion.tracking_uid in seen:
        return Fate.MERGED if lesion.fate == Fate.MERGED else Fate.SAME
    return Fate.SPLIT if lesion.fate == Fate.SPLIT and seen & set(lesion.parent_uids) else Fate.NEW


def _as_rated(lesion: LesionAt, tracked: TrackedAt | None) -> LesionAt:
    """What the rules see of it."""
    return replace(lesion, number=tracked.number, parents=tracked.parents) if tracked else lesion


def lesion_curves(visits: Sequence[Visit]) -> tuple[LesionCurve, ...]:
    """One curve per lesion that a counted visit shows, by number; visits must be numbered and in order of time."""
    shown = [visit for visit in visits if visit.counts and any(one.number for one in visit.tracked or ())]
    # A visit without any lesion is part of the course too: there they have vanished.
    followed = [
        visit for visit in visits if visit.counts and visit.tracked is not None and not visit.not_followed
    ]
    first = {
        (one.number, one.tracking_uid): None for visit in shown for one in visit.tracked or () if one.number
    }
    return tuple(
        LesionCurve(number, colour_of(number), uid, tuple(_points(uid, followed)))
        for number, uid in sorted(first)
        if number is not None
    )


def _points(uid: str, visits: Sequence[Visit]) -> Iterator[LesionPoint]:
    """From the first visit that shows it to the last, or to the one in which it goes on in another."""
    has_begun = False
    for visit in visits:
        if visit.on is None:
            continue
        lesion = next((one for one in visit.tracked or () if one.tracking_uid == uid), None)
        if lesion is not None:
            has_begun = True
            yield LesionPoint(visit.study_uid, visit.on, lesion.fate or Fate.SAME, lesion)
        elif has_begun:
            into = _swallowed_by(uid, visit)
            yield LesionPoint(
                visit.study_uid, visit.on, Fate.VANISHED if into is None else Fate.MERGED, None, into
            )
            if into is not None:
                return


def _swallowed_by(uid: str, visit: Visit) -> int | None:
    return next(
        (one.number for one in visit.tracked or () if one.fate == Fate.MERGED and uid in one.parent_uids),
        None,
    )
