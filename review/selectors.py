"""Reads: the worklist, one study, problems, and how the system is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.utils import timezone

from review.models import (
    Acceptance,
    Alert,
    Algorithm,
    Flag,
    FollowerState,
    IntakeProblem,
    Job,
    Result,
    RoutingRule,
    Series,
    Study,
)

ORDERS: dict[str, tuple[str | OrderBy, ...]] = {
    "changed": ("-changed_at", "-pk"),
    "study_date": (F("study_date").desc(nulls_last=True), "-study_time", "-pk"),
    "patient": ("patient_name", "patient_id", F("study_date").desc(nulls_last=True), "pk"),
    "state": ("state", "-changed_at"),
}
"""Ways to sort the worklist; the first is the default."""

VERDICTS = ("flagged", "unread", "mine")
"""What readers said: flagged; a result that nobody accepted or flagged; accepted or flagged by the reader who asks."""

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


def worklist(
    *,
    states: Sequence[str] = (),
    search: str = "",
    patient_id: str = "",
    since: datetime | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    verdict: str = "",
    reader: str = "",
    order: str = "changed",
    page: int = 1,
    page_size: int = 25,
) -> Page[Study]:
    """One page of studies; a page past the end gives the last one.

    `search` looks in patient name and ID, accession number, description and study UID. `since` keeps the
    studies that changed after it; the days are those of the studies, both included. `verdict` is one of
    `VERDICTS` or empty, `reader` whose verdicts "mine" are. An unknown order gives the default.
    """
    found = filtered_studies(states=states, search=search, patient_id=patient_id, since=since)
    if first_day is not None:
        found = found.filter(study_date__gte=first_day)
    if last_day is not None:
        found = found.filter(study_date__lte=last_day)
    if verdict:
        found = found.filter(_with_verdict(verdict, reader))
    # The order is found by keys alone, from an index; only the rows of this page are read whole.
    keys = found.order_by(*ORDERS.get(order, ORDERS["changed"])).values_list("pk", flat=True)
    shown = Paginator(keys, page_size).get_page(page)
    rows = {row.pk: row for row in studies().filter(pk__in=list(shown.object_list))}
    return Page(
        [rows[key] for key in shown.object_list], shown.number, cast("Paginator[Study]", shown.paginator)
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
        found = found.filter(
            Q(patient_name__icontains=word)
            | Q(patient_id__icontains=word)
            | Q(accession_number__icontains=word)
            | Q(description__icontains=word)
            | Q(study_uid=word)
        )
    return found


def _with_verdict(verdict: str, reader: str) -> Q:
    flags = Flag.objects.filter(result=OuterRef("current_result"))
    acceptances = Acceptance.objects.filter(result=OuterRef("current_result"))
    flagged, accepted = Exists(flags.filter(undone_at=None)), Exists(acceptances.filter(withdrawn_at=None))
    has_result = Q(current_result__isnull=False)
    return {
        "flagged": Q(flagged),
        "unread": has_result & ~Q(flagged) & ~Q(accepted),
        "mine": Q(Exists(flags.filter(by=reader))) | Q(Exists(acceptances.filter(by=reader))),
    }[verdict]


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
    found = IntakeProblem.objects.select_related("study")
    return found.filter(created_at__gt=since) if since else found


def alerts() -> QuerySet[Alert]:
    """Studies that ended without a result, newest first."""
    return Alert.objects.select_related("study")


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
    alive = state.heartbeat_at is not None and now - state.heartbeat_at < timedelta(
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
