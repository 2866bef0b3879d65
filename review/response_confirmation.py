"""Calls that have to last: progression soon after radiotherapy, and every response. Later scans (or tissue) decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from review.course_facts import EventKind, Histology
from review.response_course import Course, Epoch
from review.response_rating import RESPONSES
from review.response_types import Assessment, Category, Confirmation, Window

_NO_ANSWER = (Category.NOT_EVALUABLE, Category.NOT_RATED)


def confirmed(
    course: Course, drafts: Sequence[Assessment], stretches: Sequence[Epoch | None], today: date
) -> tuple[Assessment, ...]:
    """The drafts, each with what the others of its epoch say of it."""
    done: list[Assessment] = []
    for index, draft in enumerate(drafts):
        mates = [j for j in range(len(drafts)) if stretches[j] is stretches[index]]
        before = [done[j] for j in mates if j < index]
        after = [drafts[j] for j in mates if j > index]
        if draft.category == Category.PROGRESSION:
            done.append(_progression(course, draft, before, after, today))
        elif draft.category in RESPONSES:
            done.append(_response(course, draft, before, after, today))
        else:
            done.append(draft)
    return tuple(done)


def _progression(
    course: Course, draft: Assessment, before: list[Assessment], after: list[Assessment], today: date
) -> Assessment:
    standing = next((one for one in before if _stands(one)), None)
    if standing is not None:
        words = f"Progression stands since {standing.progressed_on}."
        return replace(
            draft,
            is_preliminary=False,
            progressed_on=standing.progressed_on,
            reasoning=(*draft.reasoning, words),
        )
    if not draft.is_preliminary or draft.window == Window.OUTSIDE:
        return replace(draft, is_preliminary=False)
    tissue = _tissue(course, draft.on)
    if tissue is not None:
        return _told_by_tissue(draft, tissue)
    return _told_by_scans(course, draft, (Category.PROGRESSION,), [], after, today)


def _stands(one: Assessment) -> bool:
    return one.category == Category.PROGRESSION and not one.is_preliminary


def _tissue(course: Course, on: date) -> tuple[Histology, date] | None:
    """What tissue taken soon after a scan showed."""
    until = on + timedelta(days=course.profile.confirm_within_days)
    taken = [
        (event.histology, event.on)
        for event in course.events
        if event.kind in (EventKind.SURGERY, EventKind.BIOPSY) and event.histology and on <= event.on <= until
    ]
    return taken[0] if taken else None


def _told_by_tissue(draft: Assessment, tissue: tuple[Histology, date]) -> Assessment:
    histology, on = tissue
    is_tumour = histology == Histology.TUMOUR
    words = (
        f"Tissue of {on} showed tumour: confirmed, dated to this scan."
        if is_tumour
        else f"Tissue of {on} showed treatment effect: no progression."
    )
    return replace(
        draft,
        is_preliminary=not is_tumour,
        confirmation=Confirmation.CONFIRMED if is_tumour else Confirmation.REFUTED,
        progressed_on=draft.progressed_on if is_tumour else None,
        reasoning=(*draft.reasoning, words),
    )


def _response(
    course: Course, draft: Assessment, before: list[Assessment], after: list[Assessment], today: date
) -> Assessment:
    as_good = RESPONSES[: RESPONSES.index(draft.category) + 1]
    return _told_by_scans(course, draft, as_good, before, after, today)


def _told_by_scans(
    course: Course,
    draft: Assessment,
    same: tuple[Category, ...],
    before: list[Assessment],
    after: list[Assessment],
    today: date,
) -> Assessment:
    """The call with its confirmation: by the first scan in time, or, for a response, by one that had it before."""
    first = draft.on + timedelta(days=course.profile.confirm_after_days)
    last = draft.on + timedelta(days=course.profile.confirm_within_days)
    timed = replace(draft, confirm_from=first, confirm_until=last, is_preliminary=True)
    lasted = _held_before(course, draft, same, before)
    if lasted is not None:
        return _settled(timed, Confirmation.CONFIRMED, lasted)
    witness = next((one for one in after if _speaks(one, same, first, last)), None)
    if witness is not None:
        agrees = witness.category in same
        return _settled(timed, Confirmation.CONFIRMED if agrees else Confirmation.REFUTED, witness)
    if today <= last:
        words = f"To be confirmed by a scan from {first} to {last}."
        return replace(timed, confirmation=Confirmation.PENDING, reasoning=(*draft.reasoning, words))
    words = f"No scan from {first} to {last} confirmed it: kept, unconfirmed."
    return replace(timed, confirmation=Confirmation.UNCONFIRMED, reasoning=(*draft.reasoning, words))


def _speaks(one: Assessment, same: tuple[Category, ...], first: date, last: date) -> bool:
    """Whether a later scan decides: one in time that has an answer, or a response lost even sooner."""
    if one.category in _NO_ANSWER or one.on > last:
        return False
    lost = same[0] != Category.PROGRESSION and one.category not in same
    return one.on >= first or lost


def _held_before(
    course: Course, draft: Assessment, same: tuple[Category, ...], before: list[Assessment]
) -> Assessment | None:
    """A scan far enough back that showed as good a response, with nothing worse in between."""
    for one in reversed(before):
        if one.category in _NO_ANSWER:
            continue
        if one.category not in same:
            return None
        days = (draft.on - one.on).days
        if course.profile.confirm_after_days <= days <= course.profile.confirm_within_days:
            return one
    return None


def _settled(timed: Assessment, how: Confirmation, witness: Assessment) -> Assessment:
    stands = how == Confirmation.CONFIRMED
    words = (
        f"The scan of {witness.on} ({witness.category}) {'confirms' if stands else 'does not confirm'} it."
    )
    return replace(
        timed,
        confirmation=how,
        confirmed_by=witness.study_uid,
        is_preliminary=not stands,
        progressed_on=timed.progressed_on if stands or how != Confirmation.REFUTED else None,
        reasoning=(*timed.reasoning, words),
    )
