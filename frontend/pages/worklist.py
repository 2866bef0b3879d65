"""The worklist: every study, where it stands and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone

from frontend.pages.fragments import answer_poll, render_fragment
from frontend.permissions import readers_only
from review import selectors
from review.models import Study

State = Study.State
TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("All", ()),
    "running": ("In progress", (State.RECEIVING, State.QUEUED, State.PROCESSING)),
    "waiting": ("Waiting for series", (State.WAITING,)),
    "attention": ("Needs attention", (State.FAILED, State.INCOMPLETE)),
    "done": ("Done", (State.DONE,)),
    "unwanted": ("Not wanted", (State.NOT_WANTED,)),
}
ORDERS = {"changed": "Last change", "study_date": "Study date", "patient": "Patient", "state": "State"}
VERDICTS = {"": "Any", "unread": "Unread", "flagged": "Flagged", "mine": "My reads"}
COMPARTMENTS = ("WT", "TC", "ET")
PAGE_SIZE = 25
PROBLEMS_SHOWN_DAYS = 7


@dataclass(frozen=True, slots=True)
class Query:
    """What the reader asked the worklist for; values from the address that make no sense become the default."""

    search: str = ""
    tab: str = ""
    order: str = "changed"
    page: int = 1
    verdict: str = ""
    first_day: date | None = None
    last_day: date | None = None

    @classmethod
    def read(cls, asked: QueryDict) -> Query:
        """The query in an address."""
        tab, order, page = asked.get("show", ""), asked.get("order", ""), asked.get("page", "")
        return cls(
            search=asked.get("q", "").replace("\0", "").strip()[:200],
            tab=tab if tab in TABS else "",
            order=order if order in ORDERS else "changed",
            page=int(page) if page.isdecimal() and len(page) < 7 else 1,
            verdict=asked.get("verdict", "") if asked.get("verdict", "") in VERDICTS else "",
            first_day=_day(asked.get("from", "")),
            last_day=_day(asked.get("to", "")),
        )

    def address(self, **changed: object) -> str:
        """This query, or one that differs from it, as the end of an address."""
        values = {
            "q": self.search,
            "show": self.tab,
            "verdict": self.verdict,
            "from": self.first_day or "",
            "to": self.last_day or "",
            "order": self.order,
            "page": self.page,
        } | changed
        kept = {key: value for key, value in values.items() if value not in ("", "changed", 1)}
        return "?" + urlencode(kept)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but order and page was asked for."""
        return bool(self.search or self.tab or self.verdict or self.first_day or self.last_day)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Tab:
    """A filter with the number of studies behind it."""

    key: str
    name: str
    count: int
    address: str


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; its live part asks `rows` every two seconds."""
    query = Query.read(request.GET)
    html, digest = _live_part(request, query)
    context = {"query": query, "orders": ORDERS, "verdicts": VERDICTS, "live": html, "digest": digest}
    return render(request, "frontend/worklist.html", context)


@readers_only
def rows(request: HttpRequest) -> HttpResponse:
    """The live part alone, or 204 where nothing changed."""
    html, digest = _live_part(request, Query.read(request.GET))
    return answer_poll(request, html, digest)


def _live_part(request: HttpRequest, query: Query) -> tuple[str, str]:
    studies = selectors.worklist(
        states=TABS[query.tab][1],
        search=query.search,
        verdict=query.verdict,
        reader=request.user.get_username(),
        first_day=query.first_day,
        last_day=query.last_day,
        order=query.order,
        page=query.page,
        page_size=PAGE_SIZE,
    )
    context = {
        "query": query,
        "compartments": COMPARTMENTS,
        "tabs": _tabs(query),
        "studies": studies,
        "earlier": query.address(page=studies.previous_page_number()) if studies.has_previous() else "",
        "later": query.address(page=studies.next_page_number()) if studies.has_next() else "",
        "problem_count": selectors.intake_problems(
            since=timezone.now() - timedelta(days=PROBLEMS_SHOWN_DAYS)
        ).count(),
        "problem_days": PROBLEMS_SHOWN_DAYS,
        "follower": selectors.health(),
    }
    return render_fragment("frontend/parts/worklist_live.html", context, request)


def _tabs(query: Query) -> list[Tab]:
    counts = selectors.counts_by_state()
    return [
        Tab(key, name, sum(counts[state] for state in states or counts), query.address(show=key, page=1))
        for key, (name, states) in TABS.items()
    ]
