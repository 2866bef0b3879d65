"""A patient's course as the chart draws it: texts as stored, no number made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.urls import reverse

from frontend.change_words import change_lines
from frontend.formatting import interval, millilitres
from frontend.lesion_curves import lesions_drawn
from frontend.treatment import treatment_lanes
from orthanc.types import MeasuredRegion
from review.changes import ChangeSinceNadir, changes_since_nadir
from review.course_facts import Event, EventKind, Visit, VisitState
from review.response_types import Assessment, Category, Timeline
from segmentation.types import VolumeEstimate

REGIONS = ("ET", "TC", "WT", "ED")
STATE_WORDS = {
    VisitState.COUNTED: "counts",
    VisitState.FLAGGED: "flagged",
    VisitState.SUPERSEDED: "superseded",
    VisitState.SAME_DAY: "same day",
    VisitState.NO_RESULT: "no result",
    VisitState.UNDATED: "no date",
}
CHART_WORDS = {Category.BASELINE: "base", Category.NOT_RATED: "", Category.NOT_EVALUABLE: "NE"}
"""Suggested responses as the lane below the chart has room for them; the others as they are, "?" where preliminary."""


def curve_data(course: Timeline) -> dict[str, Any]:
    """Visits with their volumes, treatment, and the days from which time is counted; dated results only."""
    dated = [(visit, visit.on) for visit in course.visits if visit.result_id is not None and visit.on]
    changes = changes_since_nadir(course)
    marks = marks_of(course)
    drawn = [_visit(visit, on, course, changes, marks) for visit, on in dated]
    days = [on for _, on in dated] + [event.on for event in course.events]
    return {
        "visits": drawn,
        "treatment": treatment_lanes(course.events, max(days)) if days else [],
        "lesions": lesions_drawn(course),
        "caution": [
            {
                "from": event.on.isoformat(),
                "to": (event.on + timedelta(course.profile.window_days)).isoformat(),
            }
            for event in course.events
            if event.kind == EventKind.RADIOTHERAPY_END
        ],
        "origins": _origins([on for _, on in dated], course.events),
    }


def marks_of(course: Timeline) -> dict[str, list[str]]:
    """What visits are to the course, by study UID: baselines and the nadir; without either, where ET was smallest."""
    marks: dict[str, list[str]] = {}
    for answer in course.volumetric:
        if answer.category == Category.BASELINE:
            marks.setdefault(answer.study_uid, []).append("Baseline")
    nadir = nadir_of(course)
    if nadir:
        marks.setdefault(nadir, []).append("Nadir")
    smallest = _smallest(course.counted)
    if not marks and smallest:
        marks[smallest] = ["Smallest ET"]
    return marks


def nadir_of(course: Timeline) -> str:
    """The study with the least disease since the last baseline; empty where there is no baseline yet."""
    latest = course.latest
    if latest is None or not latest.baseline_uid:
        return ""
    fell = latest.ratio_to_nadir is not None and latest.ratio_to_nadir < 1
    return latest.study_uid if fell else latest.nadir_uid


def _smallest(visits: Sequence[Visit]) -> str:
    measured = [(visit.enhancing.ml, visit.study_uid) for visit in visits if visit.enhancing]
    return min(measured, key=lambda one: one[0])[1] if len(measured) > 1 else ""


def _origins(visits: Sequence[date], events: Sequence[Event]) -> dict[str, dict[str, str]]:
    """The days from which time may be counted, in the order in which they are offered."""
    surgeries = [event.on for event in events if event.kind == EventKind.SURGERY]
    told = {
        "first": ("the first visit", visits[:1]),
        "diagnosis": ("diagnosis", [event.on for event in events if event.kind == EventKind.DIAGNOSIS]),
        "surgery": ("surgery" if len(surgeries) < 2 else "the first surgery", surgeries),
        "last-surgery": ("the last surgery", surgeries[:0:-1]),
        "radiotherapy": (
            "the end of radiotherapy",
            [event.on for event in events if event.kind == EventKind.RADIOTHERAPY_END],
        ),
    }
    return {
        name: {"date": days[0].isoformat(), "words": words} for name, (words, days) in told.items() if days
    }


def _visit(
    visit: Visit,
    on: date,
    course: Timeline,
    changes: Mapping[str, ChangeSinceNadir],
    marks: Mapping[str, list[str]],
) -> dict[str, Any]:
    answer = course.assessment_of(visit.study_uid) if visit.counts else None
    volumes = {**visit.struck, **visit.volumes}
    return {
        "id": f"visit-{visit.result_id}",
        "study_uid": visit.study_uid,
        "date": on.isoformat(),
        "is_counted": visit.counts,
        "struck": sorted(region.value for region in visit.struck),
        "state": STATE_WORDS[visit.state],
        "why": visit.why,
        "href": reverse("viewer", args=[visit.study_uid]),
        "volumes": {name: _volume(volumes[MeasuredRegion(name)]) for name in REGIONS if name in volumes},
        "marks": marks.get(visit.study_uid, []) if visit.counts else [],
        "response": _response(answer) if answer else "",
        "arithmetic": change_lines(answer, changes.get(visit.study_uid), course.profile) if answer else [],
    }


def _response(answer: Assessment) -> str:
    words = CHART_WORDS.get(answer.category, answer.category.value)
    return f"{words}?" if answer.is_preliminary else words


def _volume(volume: VolumeEstimate) -> dict[str, str]:
    return {
        "ml": millilitres(volume.ml),
        "low_ml": millilitres(volume.low_ml),
        "high_ml": millilitres(volume.high_ml),
        "interval": interval(volume),
    }
