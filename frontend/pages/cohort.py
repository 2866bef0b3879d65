"""The cohort: patients seen in a stretch of time, what is suggested of each, what is left to do, and files of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from frontend.asked import asked_day
from frontend.csv_files import csv_answer, harmless
from frontend.formatting import millilitres, patient_name
from frontend.permissions import admins_only, readers_only
from review.audit import record
from review.change_figures import percent_more
from review.cohort import CohortRow, TooManyPatientsError, cohort, timelines_seen
from review.models import AuditAction, Study
from review.research import RESEARCH_HEAD, research_rows

SHOWN: dict[str, tuple[str, Callable[[CohortRow], bool]]] = {
    "all": ("All", lambda row: True),
    "progression": ("Suggested PD", lambda row: row.progressed_on is not None),
    "confirm": (
        "Confirmation due or overdue",
        lambda row: row.confirmation_is_due or row.confirmation_is_overdue,
    ),
    "wide": ("Wide intervals", lambda row: row.is_wide),
    "missing": ("Events missing", lambda row: bool(row.missing)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The stretch of time and the kind of patients that an address asks for."""

    first: date
    last: date
    show: str

    @property
    def address(self) -> str:
        """The same as a query."""
        return urlencode({"first": self.first, "last": self.last, "show": self.show})


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """Table and plots; this month where no days are asked for."""
    asked = read_asked(request.GET)
    context: dict[str, Any] = {"asked": asked, "stretches": _stretches(asked), "trouble": ""}
    try:
        rows = cohort(asked.first, asked.last)
    except TooManyPatientsError as error:
        return render(request, "frontend/cohort.html", {**context, "trouble": str(error)})
    kept = [row for row in rows if SHOWN[asked.show][1](row)]
    keys = dict(
        Study.everything.filter(study_uid__in=[row.study_uid for row in kept]).values_list("study_uid", "pk")
    )
    tabs = [
        (name, words, sum(map(fits, rows)), _address(asked.first, asked.last, name))
        for name, (words, fits) in SHOWN.items()
    ]
    context |= {
        "tabs": tabs,
        "longer": _longer(asked),
        "patients": [(keys[row.study_uid], row) for row in kept],
        "plots": [_plotted(keys[row.study_uid], row) for row in kept if row.best_ratio is not None],
    }
    return render(request, "frontend/cohort.html", context)


def read_asked(query: QueryDict) -> Asked:
    """What an address asks for; what makes no sense is left out, days the wrong way round are turned."""
    today = timezone.localdate()
    first = asked_day(query.get("first", "")) or today.replace(day=1)
    last = asked_day(query.get("last", "")) or today
    show = query.get("show", "")
    return Asked(min(first, last), max(first, last), show if show in SHOWN else "all")


def _stretches(asked: Asked) -> list[tuple[str, str, bool]]:
    """Stretches of time that one click asks for: words, address, whether it is this one."""
    today = timezone.localdate()
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    days = {
        "This month": (month, today),
        "Last month": (before.replace(day=1), before),
        "Last 90 days": (today - timedelta(days=90), today),
        "Last 365 days": (today - timedelta(days=365), today),
    }
    return [
        (words, _address(first, last, asked.show), (first, last) == (asked.first, asked.last))
        for words, (first, last) in days.items()
    ]


def _longer(asked: Asked) -> str:
    """Where to look for confirmations that are overdue: a scan comes up to 16 weeks later, and those are past."""
    today = timezone.localdate()
    year = today - timedelta(days=365)
    return _address(year, today, asked.show) if asked.show == "confirm" and asked.first > year else ""


def _address(first: date, last: date, show: str) -> str:
    return "?" + Asked(first, last, show).address


def _plotted(key: int, row: CohortRow) -> dict[str, Any]:
    """A patient as the plots draw it: percent of change from the baseline."""
    return {
        "name": patient_name(row.name),
        "href": reverse("patient", args=[key]),
        "category": row.latest.category.value,
        "best": percent_more(row.best_ratio or 0.0),
        "points": [
            {"date": one.on.isoformat(), "days": one.days, "percent": percent_more(one.ratio)}
            for one in row.since_baseline
        ],
    }


CSV_HEAD = (
    *("patient_id", "name", "visits", "last_visit", "suggested_response", "preliminary", "progressed_on"),
    *("burden_ml", "burden_low_ml", "burden_high_ml", "since_nadir_ml", "ratio_to_nadir"),
    *("best_ratio_to_baseline", "confirmation", "confirm_from", "confirm_until", "missing", "study_uid"),
)


@readers_only
def as_csv(request: HttpRequest) -> HttpResponse:
    """The rows that the page shows, with names: for the clinic, not for research."""
    asked = read_asked(request.GET)
    try:
        rows = [row for row in cohort(asked.first, asked.last) if SHOWN[asked.show][1](row)]
    except TooManyPatientsError as error:
        return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
    _record_export(request, asked, "cohort", len(rows))
    return csv_answer(f"cohort-{asked.first}-{asked.last}.csv", CSV_HEAD, map(_cells, rows))


@admins_only
def for_research(request: HttpRequest) -> HttpResponse:
    """Every counted visit of the patients seen in the stretch, pseudonymised; that it left the house is on record."""
    asked = read_asked(request.GET)
    try:
        timelines = timelines_seen(asked.first, asked.last)
    except TooManyPatientsError as error:
        return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
    _record_export(request, asked, "cohort for research, pseudonymised", len(timelines))
    return csv_answer("cohort-for-research.csv", RESEARCH_HEAD, research_rows(timelines))


def _record_export(request: HttpRequest, asked: Asked, what: str, n_patients: int) -> None:
    record(
        AuditAction.EXPORTED,
        request.user.get_username(),
        what=what,
        first=asked.first.isoformat(),
        last=asked.last.isoformat(),
        show=asked.show,
        patients=n_patients,
    )


def _cells(row: CohortRow) -> list[str]:
    latest, burden, change = row.latest, row.latest.burden, row.change
    amounts = (burden.value, burden.low, burden.high) if burden else (None, None, None)
    return [
        harmless(row.patient_id),
        harmless(patient_name(row.name)),
        str(row.n_visits),
        latest.on.isoformat(),
        latest.category.value,
        "yes" if latest.is_preliminary else "no",
        row.progressed_on.isoformat() if row.progressed_on else "",
        *("" if ml is None else millilitres(ml) for ml in amounts),
        millilitres(change.volume.difference_ml) if change else "",
        *("" if one is None else f"{one:.3f}" for one in (latest.ratio_to_nadir, row.best_ratio)),
        latest.confirmation.value,
        latest.confirm_from.isoformat() if latest.confirm_from else "",
        latest.confirm_until.isoformat() if latest.confirm_until else "",
        "; ".join(row.missing),
        row.study_uid,
    ]
