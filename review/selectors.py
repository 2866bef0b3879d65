"""Reads: the worklist, one study, problems, and how the system is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Prefetch, QuerySet, Value
from django.db.models.expressions import OrderBy
from django.db.models.functions import Lower
from django.utils import timezone

from review.models import (
    Alert,
    Algorithm,
    FollowerState,
    IntakeProblem,
    Job,
    Result,
    RoutingRule,
    Series,
    Study,
)
from review.site_access import permitted

ORDERS: dict[str, tuple[str | OrderBy, ...]] = {
    "changed": ("-changed_at", "-pk"),
    "study_date": (F("study_date").desc(nulls_last=True), "-study_time", "-pk"),
    "patient": ("patient_name", "patient_id", F("study_date").desc(nulls_last=True), "pk"),
    "state": ("state", "-changed_at"),
}
"""Ways to sort the worklist; the first is the default."""

FOLLOWER_SILENT_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Health:
    """How the machinery is, as far as the database knows. Texts are for people; empty means well."""

    follower_seen_at: datetime | None
    follower_trouble: str
    follower_alive: bool
    running_jobs: int
    queued_jobs: int
    oldest_queued_s: float | None
    silent_jobs: int


def studies() -> QuerySet[Study]:
    """Every study with what a row of the worklist shows, in a fixed number of queries."""
    return Study.objects.select_related("matched_rule", "current_job", "current_result").prefetch_related(
        "current_result__measurements",
        "current_result__flags__opinions",
        "current_result__acceptances",
        Prefetch("series", queryset=Series.objects.filter(is_chosen=True), to_attr="chosen_series"),
    )


def filtered_studies(
    *, states: Sequence[str] = (), search: str = "", patient_id: str = "", since: datetime | None = None
) -> QuerySet[Study]:
    """The studies that fit all filters."""
    found = studies()
    if states:
        found = found.filter(state__in=states)
    if patient_id:
        found = found.filter(patient_id=patient_id)
    if since is not None:
        found = found.filter(changed_at__gt=since)
    for word in search.split():
        found = found.filter(search_text__contains=Lower(Value(word)))
    return found


def study_detail(study_uid: str) -> Study:
    """One study with all its series, jobs, results and problems.

    Raises:
        Study.DoesNotExist: no such study has come in.
    """
    detailed = Study.objects.select_related("matched_rule", "current_job", "current_result").prefetch_related(
        "current_result__measurements",
        "current_result__flags__opinions",
        "current_result__acceptances",
        "series",
        Prefetch("jobs", queryset=Job.objects.order_by("-created_at").select_related("result")),
        Prefetch(
            "results",
            queryset=Result.objects.prefetch_related("measurements", "flags__opinions", "acceptances"),
        ),
        "problems",
        "overrides",
        "current_result__dicom_objects__deliveries",
    )
    return detailed.get(study_uid=study_uid)


def studies_of_patient(study: Study) -> QuerySet[Study]:
    """All visits of the patient of a study, oldest first; the study alone where the patient ID is empty."""
    if not study.patient_id:
        return studies().filter(pk=study.pk)
    visits = studies().filter(patient_id=study.patient_id, patient_id_issuer=study.patient_id_issuer)
    return visits.order_by(F("study_date").asc(nulls_last=True), "study_time", "pk")


def counts_by_state() -> dict[str, int]:
    """How many studies stand in each state; every state is there."""
    counted = dict(Study.objects.values_list("state").annotate(count=Count("pk")).order_by())
    return {state.value: counted.get(state.value, 0) for state in Study.State}


def intake_problems(*, since: datetime | None = None) -> QuerySet[IntakeProblem]:
    """What could not be taken, newest first."""
    found = permitted(IntakeProblem.objects.select_related("study"), "study")
    return found.filter(created_at__gt=since) if since else found


def alerts() -> QuerySet[Alert]:
    """Studies that ended without a result, newest first."""
    return permitted(Alert.objects.select_related("study"), "study")


def other_models(result: Result | None) -> list[Algorithm]:
    """The installed models that could segment the series of a result another time."""
    if result is None:
        return []
    rows = Algorithm.objects.filter(is_installed=True)
    return list(rows.exclude(name=result.model_name, version=result.model_version))


def enabled_rules() -> list[RoutingRule]:
    """The rules in the order in which they are asked."""
    return list(RoutingRule.objects.filter(enabled=True).order_by("order", "name"))


def health() -> Health:
    """What the rows say of follower and workers."""
    state = FollowerState.load()
    now = timezone.now()
    alive = state.heartbeat_at is not None and abs(now - state.heartbeat_at) < timedelta(
        seconds=FOLLOWER_SILENT_AFTER_S
    )
    queued = Job.objects.filter(state=Job.State.QUEUED)
    oldest = queued.order_by("queued_at").values_list("queued_at", flat=True).first()
    return Health(
        follower_seen_at=state.heartbeat_at,
        follower_trouble=state.trouble,
        follower_alive=alive,
        running_jobs=Job.objects.filter(state=Job.State.RUNNING).count(),
        queued_jobs=queued.count(),
        oldest_queued_s=(now - oldest).total_seconds() if oldest else None,
        silent_jobs=Job.objects.silent().count(),
    )
