"""Patients as their studies tell of them: who there is, and every point of one patient's course."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, F, Max, Min, Q, QuerySet, Value, When

from review.course_facts import PatientKey, VisitState
from review.models import Result, Study

OLDEST_FIRST = (F("study_date").asc(nulls_last=True), "study_time", "pk")
WITH_RESULTS = (
    "results__measurements",
    "results__flags",
    "results__following",
    "results__tracked_lesions",
)


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient on the list. `key` is a row of one of the studies: it names the patient without telling who it is."""

    key: int
    patient_id: str
    issuer: str
    name: str
    birth_date: date | None
    sex: str
    n_visits: int
    first_on: date | None
    last_on: date | None
    latest: Result | None
    """The newest result that counts."""


@dataclass(frozen=True, slots=True)
class Point:
    """A visit with one of its results, or without any."""

    study: Study
    result: Result | None
    state: VisitState
    why: str
    """Why it does not count, in words."""

    @property
    def counts(self) -> bool:
        """Whether it enters the course; single compartments may still be struck by a flag."""
        return self.state == VisitState.COUNTED


def key_of(study: Study) -> PatientKey:
    """The patient of a study; one without a patient ID is a patient of its own."""
    if not study.patient_id:
        return PatientKey("", "", study.study_uid)
    return PatientKey(study.patient_id, study.patient_id_issuer)


def wanted_studies() -> QuerySet[Study]:
    """Studies that belong to a course: not those that no rule wants, unless they were measured all the same."""
    return _of_a_course(Study.objects.all())


def _of_a_course(found: QuerySet[Study]) -> QuerySet[Study]:
    return found.exclude(state=Study.State.NOT_WANTED, current_result=None)


def patient_list(search: str = "", page: int = 1, page_size: int = 25) -> Page[Any]:
    """Patients whose name or ID holds every word, the latest visit first; a page past the end gives the last."""
    found = wanted_studies()
    for word in search.split():
        found = found.filter(
            Q(patient_name__icontains=word)
            | Q(patient_id__icontains=word)
            | Q(accession_number__icontains=word)
        )
    # A study without a patient ID is a patient of its own.
    alone = Case(When(patient_id="", then=F("study_uid")), default=Value(""))
    grouped = (
        found.annotate(alone=alone)
        .values("patient_id", "patient_id_issuer", "alone")
        .annotate(key=Min("pk"), last_on=Max("study_date"))
        .order_by(F("last_on").desc(nulls_last=True), "-key")
    )
    return Paginator(grouped, page_size).get_page(page)


def rows_of(listed: Iterable[dict[str, Any]]) -> list[PatientRow]:
    """The patients of one page of the list, in its order, in four queries."""
    keys = {
        int(str(one["key"])): PatientKey(one["patient_id"], one["patient_id_issuer"])
        if one["patient_id"]
        else PatientKey("", "", one["alone"])
        for one in listed
    }
    found = points_of(keys.values())
    return [_row(key, points) for key, patient in keys.items() if (points := found[patient])]


def _row(key: int, points: list[Point]) -> PatientRow:
    dates = [point.study.study_date for point in points if point.study.study_date]
    counted = [point.result for point in points if point.counts]
    last = points[-1].study
    return PatientRow(
        key=key,
        patient_id=last.patient_id,
        issuer=last.patient_id_issuer,
        name=last.patient_name,
        birth_date=last.patient_birth_date,
        sex=last.patient_sex,
        n_visits=len({point.study.pk for point in points}),
        first_on=min(dates, default=None),
        last_on=max(dates, default=None),
        latest=counted[-1] if counted else None,
    )


def points_of(patients: Iterable[PatientKey]) -> dict[PatientKey, list[Point]]:
    """Every result of every visit of these patient IDs, oldest first, in four queries however many they are."""
    wanted = set(patients)
    ids = {one.patient_id for one in wanted if one.patient_id}
    alone = {one.study_uid for one in wanted if not one.patient_id}
    found = (
        _of_a_course(Study.everything.all())
        .filter(Q(patient_id__in=ids) | Q(study_uid__in=alone))
        .order_by(*OLDEST_FIRST)
    )
    points: dict[PatientKey, list[Point]] = {patient: [] for patient in wanted}
    for visit in found.prefetch_related(*WITH_RESULTS):
        if (patient := key_of(visit)) in wanted:  # the same ID of another issuer is somebody else
            points[patient] += _points(visit)
    return points


def _points(visit: Study) -> list[Point]:
    results = sorted(visit.results.all(), key=lambda one: one.created_at)
    if not results:
        return [Point(visit, None, VisitState.NO_RESULT, visit.reason or visit.get_state_display())]
    return [Point(visit, one, *_state_of(visit, one)) for one in results]


def _state_of(visit: Study, result: Result) -> tuple[VisitState, str]:
    if result.superseded_by_id is not None:
        return VisitState.SUPERSEDED, "Superseded by a newer result of the same study."
    if visit.study_date is None:
        return VisitState.UNDATED, "The study has no date."
    if result.is_flagged:
        reasons = ", ".join(flag.get_reason_display() for flag in result.standing_flags)
        whole = frozenset(one.compartment for one in result.measurements.all()) <= result.struck
        return (VisitState.FLAGGED if whole else VisitState.COUNTED), f"Flagged: {reasons}."
    return VisitState.COUNTED, ""
