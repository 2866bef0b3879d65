"""Lesions over visits as the chart draws them and the table says them: one number and colour at every visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from frontend.formatting import millilitres
from review.course_facts import LesionCurve, LesionPoint, Visit
from review.response_types import Timeline
from segmentation.types import Fate

FATE_WORDS = {
    Fate.FIRST: "",
    Fate.SAME: "",
    Fate.NEW: "new",
    Fate.SPLIT: "split off",
    Fate.MERGED: "merged",
    Fate.VANISHED: "gone",
}


def lesions_drawn(course: Timeline) -> list[dict[str, Any]]:
    """A line for each lesion: the days at which it is told apart, with what enhances; a gone one has 0."""
    return [
        {
            "number": curve.number,
            "colour": curve.colour,
            "points": [_drawn(point) for point in curve.points if point.enhancing_ml is not None],
        }
        for curve in course.lesions
    ]


def _drawn(point: LesionPoint) -> dict[str, str]:
    return {
        "date": point.on.isoformat(),
        "study_uid": point.study_uid,
        "ml": millilitres(point.enhancing_ml or 0.0),
        "fate": fate_words(point),
    }


def fate_words(point: LesionPoint) -> str:
    """What became of a lesion at a visit; empty where it simply goes on."""
    if point.into is not None:
        return f"merged into {point.into}"
    parents = ", ".join(str(number) for number in point.lesion.parents) if point.lesion else ""
    words = FATE_WORDS[point.fate]
    if point.fate == Fate.SPLIT and parents:
        return f"{words} {parents}"
    return f"{words} with {parents}" if point.fate == Fate.MERGED and parents else words


@dataclass(frozen=True, slots=True)
class LesionRow:
    """A visit of the table of lesions, with one cell for each of them."""

    visit: Visit
    cells: list[LesionPoint | None]


def lesion_rows(course: Timeline) -> list[LesionRow]:
    """The counted visits, oldest first; a lesion has no cell at a visit where nothing is said of it."""
    told = [{point.study_uid: point for point in curve.points} for curve in course.lesions]
    return [LesionRow(visit, [points.get(visit.study_uid) for points in told]) for visit in course.counted]


def lesion_place(curve: LesionCurve) -> str:
    """Where a lesion lies, as its first visit says: "left frontal lobe"; empty where nothing is known."""
    first = next((point.lesion for point in curve.points if point.lesion), None)
    parts: Sequence[str] = (first.hemisphere, first.lobe) if first else ()
    return " ".join(part.replace("_", " ") for part in parts if part)
