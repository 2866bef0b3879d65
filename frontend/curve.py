"""A patient's course as the chart draws it: texts as stored, no number made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import reverse

from frontend.formatting import interval, millilitres
from review.models import Measurement, Result
from review.patients import Point
from review.response_types import VisitState

REGIONS = ("ET", "TC", "WT", "ED")
STATE_WORDS = {
    VisitState.COUNTED: "counts",
    VisitState.FLAGGED: "flagged",
    VisitState.SUPERSEDED: "superseded",
    VisitState.SAME_DAY: "same day",
    VisitState.NO_RESULT: "no result",
    VisitState.UNDATED: "no date",
}


def curve_data(points: Sequence[Point]) -> dict[str, Any]:
    """Visits with their volumes, and the days from which time is counted; dated points with a result only."""
    drawn = [
        _visit(point, point.result, point.study.study_date)
        for point in points
        if point.result is not None and point.study.study_date is not None
    ]
    first = {"date": drawn[0]["date"], "words": "the first visit"} if drawn else None
    _mark_smallest(drawn)
    return {"visits": drawn, "origins": {"first": first} if first else {}}


def _mark_smallest(visits: Sequence[dict[str, Any]]) -> None:
    """Mark the visit with the least enhancing tumour since the first, where there are two to compare."""
    counted = [visit for visit in visits if visit["is_counted"] and "ET" not in visit["struck"]]
    measured = [visit for visit in counted if "ET" in visit["volumes"]]
    if len(measured) > 1:
        smallest = min(measured, key=lambda visit: Decimal(visit["volumes"]["ET"]["ml"]))
        smallest["marks"] = ["Smallest ET"]


def _visit(point: Point, result: Result, on: date) -> dict[str, Any]:
    return {
        "id": f"visit-{result.pk}",
        "date": on.isoformat(),
        "is_counted": point.counts,
        "struck": sorted(result.struck),
        "state": STATE_WORDS[point.state],
        "why": point.why,
        "href": reverse("viewer", args=[point.study.study_uid]),
        "volumes": {name: _volume(one) for name, one in result.volumes.items() if name in REGIONS},
        "marks": [],
    }


def _volume(volume: Measurement) -> dict[str, str]:
    return {
        "ml": millilitres(volume.ml),
        "low_ml": millilitres(volume.low_ml),
        "high_ml": millilitres(volume.high_ml),
        "interval": interval(volume),
    }
