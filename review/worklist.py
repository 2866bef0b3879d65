"""The worklist: filters, one page, and the studies before and after one, in time that does not grow with the archive.

Counting every study that fits reads them all; people need to know whether there are more than they will page through.
So a list is counted to 1000, and the keys of its pages come out of the same query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from review.models import Acceptance, Flag, Study
from review.selectors import ORDERS, filtered_studies, studies

COUNTED_TO = 1000
TRUST_GRADES = ("good", "check", "poor")

VERDICTS = ("flagged", "unread", "mine")
"""What readers said: flagged; a result that nobody accepted or flagged; accepted or flagged by the reader who asks."""


@dataclass(frozen=True, slots=True)
class StudyFilter:
    """Which studies, in which order; what is empty narrows nothing, an unknown order is the default one."""

    states: Sequence[str] = ()
    search: str = ""
    first_day: date | None = None
    last_day: date | None = None
    verdict: str = ""
    """One of `VERDICTS`."""
    reader: str = ""
    """Whose verdicts "mine" are."""
    trust: str = ""
    """One of `TRUST_GRADES`."""
    order: str = "changed"

    def keys(self) -> QuerySet[Study, int]:
        """The keys of the studies that fit, in order, from an index where one fits the order."""
        found = filtered_studies(states=self.states, search=self.search)
        if self.first_day is not None:
            found = found.filter(study_date__gte=self.first_day)
        if self.last_day is not None:
            found = found.filter(study_date__lte=self.last_day)
        if self.verdict:
            found = found.filter(_with_verdict(self.verdict, self.reader))
        if self.trust:
            found = found.filter(current_result__trust_grade=self.trust)
        return found.order_by(*ORDERS.get(self.order, ORDERS["changed"])).values_list("pk", flat=True)


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Some of the studies that fit; places count from 1."""

    rows: list[Study]
    number: int
    first_place: int
    total: int
    """How many fit, counted to 1000."""
    has_next: bool

    @property
    def last_place(self) -> int:
        """The place of the last row."""
        return self.first_place + len(self.rows) - 1

    @property
    def is_counted(self) -> bool:
        """Whether `total` is all of them."""
        return self.total <= COUNTED_TO


def worklist(wanted: StudyFilter, *, page: int = 1, page_size: int = 25) -> StudyPage:
    """One page of studies; a page past the end gives the last one."""
    keys = wanted.keys()
    first = list(keys[: COUNTED_TO + 1])
    if page * page_size <= COUNTED_TO or len(first) <= COUNTED_TO:
        page = min(page, max(1, -(-len(first) // page_size)))
        shown = first[(page - 1) * page_size : page * page_size + 1]
    else:
        shown = list(keys[(page - 1) * page_size : page * page_size + 1])
        if not shown:
            page = -(-keys.count() // page_size)
            shown = list(keys[(page - 1) * page_size : page * page_size + 1])
    rows = studies().in_bulk(shown[:page_size])
    return StudyPage(
        rows=[rows[key] for key in shown[:page_size] if key in rows],
        number=page,
        first_place=(page - 1) * page_size + 1,
        total=len(first),
        has_next=len(shown) > page_size,
    )


def neighbours(study: Study, wanted: StudyFilter) -> tuple[Study | None, Study | None]:
    """The studies above and below one on a list; None at its ends, and beyond the first 1000."""
    keys = list(wanted.keys()[: COUNTED_TO + 1])
    if study.pk not in keys:
        return None, None
    at = keys.index(study.pk)
    rows = Study.objects.in_bulk(keys[max(0, at - 1) : at + 2])
    above = rows.get(keys[at - 1]) if at else None
    return above, rows.get(keys[at + 1]) if at + 1 < len(keys) else None


def counts_to_show() -> dict[str, int]:
    """How many studies stand in each state, each counted to 1000 and one; every state is there."""
    counts = {}
    for state in Study.State:
        some = Study.objects.filter(state=state).order_by("-changed_at").values_list("pk", flat=True)
        counts[state.value] = some[: COUNTED_TO + 1].count()
    return counts


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
