"""The worklist: every study, where it stands and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from frontend.csv_files import csv_answer, harmless
from frontend.pages.fragments import answer_poll, render_fragment
from frontend.permissions import admins_only, readers_only
from orthanc.errors import OrthancError
from review import selectors
from review.audit import record
from review.flagged_archive import archive_of_flagged
from review.flagged_export import CSV_HEAD, csv_rows
from review.models import AuditAction, SavedView, Study
from review.pacs import connect
from review.worklist import COUNTED_TO, StudyFilter, counts_to_show, worklist

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
TRUST = {"": "Any", "good": "Good", "check": "Check", "poor": "Poor"}
VERDICTS = {"": "Any", "unread": "Unread", "flagged": "Flagged", "mine": "My reads"}
KEYS = (
    ("/", "Search"),
    ("J", "Next study, also arrow down"),
    ("K", "Study before, also arrow up"),
    ("Enter", "Open the images"),
    ("D", "Details of the study"),
    ("S", "Choose other series"),
    ("T", "Process a failed study once more"),
    ("[", "Newer page"),
    ("]", "Older page"),
    ("?", "These keys"),
)
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
    trust: str = ""
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
            trust=asked.get("trust", "") if asked.get("trust", "") in TRUST else "",
            first_day=_day(asked.get("from", "")),
            last_day=_day(asked.get("to", "")),
        )

    def address(self, **changed: object) -> str:
        """This query, or one that differs from it, as the end of an address."""
        values = {
            "q": self.search,
            "show": self.tab,
            "verdict": self.verdict,
            "trust": self.trust,
            "from": self.first_day or "",
            "to": self.last_day or "",
            "order": self.order,
            "page": self.page,
        } | changed
        kept = {key: value for key, value in values.items() if value not in ("", "changed", 1)}
        return "?" + urlencode(kept)

    def filter(self, reader: str) -> StudyFilter:
        """What it asks of the domain, for the reader who asks."""
        return StudyFilter(
            states=TABS[self.tab][1],
            search=self.search,
            first_day=self.first_day,
            last_day=self.last_day,
            verdict=self.verdict,
            reader=reader,
            trust=self.trust,
            order=self.order,
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but order and page was asked for."""
        return bool(self.search or self.tab or self.verdict or self.trust or self.first_day or self.last_day)


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
    count: str
    """ "1000+" where there are more."""
    address: str


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; its live part asks `rows` every two seconds."""
    query = Query.read(request.GET)
    html, digest = _live_part(request, query)
    context = {
        "query": query,
        "orders": ORDERS,
        "verdicts": VERDICTS,
        "trust_grades": TRUST,
        "keys": KEYS,
        "views": SavedView.objects.filter(owner=reader_of(request)),
        "live": html,
        "digest": digest,
    }
    return render(request, "frontend/worklist.html", context)


@readers_only
def rows(request: HttpRequest) -> HttpResponse:
    """The live part alone, or 204 where nothing changed."""
    html, digest = _live_part(request, Query.read(request.GET))
    return answer_poll(request, html, digest)


def _live_part(request: HttpRequest, query: Query) -> tuple[str, str]:
    shown = worklist(query.filter(request.user.get_username()), page=query.page, page_size=PAGE_SIZE)
    context = {
        "query": query,
        "compartments": COMPARTMENTS,
        "tabs": _tabs(query),
        "shown": shown,
        "list": query.address(page=1).removeprefix("?"),
        "earlier": query.address(page=shown.number - 1) if shown.number > 1 else "",
        "later": query.address(page=shown.number + 1) if shown.has_next else "",
        "problem_count": selectors.intake_problems(
            since=timezone.now() - timedelta(days=PROBLEMS_SHOWN_DAYS)
        ).count(),
        "problem_days": PROBLEMS_SHOWN_DAYS,
        "follower": selectors.health(),
    }
    return render_fragment("frontend/parts/worklist_live.html", context, request)


def _tabs(query: Query) -> list[Tab]:
    counts = counts_to_show()
    return [
        Tab(
            key,
            name,
            _count(sum(counts[state] for state in states or counts)),
            query.address(show=key, page=1),
        )
        for key, (name, states) in TABS.items()
    ]


def _count(number: int) -> str:
    return str(number) if number <= COUNTED_TO else f"{COUNTED_TO}+"


@readers_only
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the search, filters and order of an address under a name; a name used again means the new ones."""
    query = Query.read(QueryDict(request.POST.get("address", "").removeprefix("?")))
    name = request.POST.get("name", "").replace("\0", "").strip()[:60]
    address = query.address(page=1)
    if not name:
        messages.warning(request, "Give the view a name.")
    else:
        SavedView.objects.update_or_create(
            owner=reader_of(request), name=name, defaults={"address": address.removeprefix("?")[:500]}
        )
    return redirect(f"{reverse('worklist')}{address}")


@readers_only
@require_POST
def remove_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one of one's own views."""
    get_object_or_404(SavedView, pk=view_id, owner=reader_of(request)).delete()
    return redirect("worklist")


@admins_only
def flagged_zip(request: HttpRequest) -> HttpResponseBase:
    """The flagged results as pseudonymised cases for training, one zip; every case is a line of the audit log."""
    try:
        with connect() as pacs:
            pacs.system()
    except OrthancError as error:
        messages.warning(request, str(error))
        return redirect("worklist")
    answer = StreamingHttpResponse(
        archive_of_flagged(by=request.user.get_username()), content_type="application/zip"
    )
    answer["Content-Disposition"] = 'attachment; filename="flagged-cases.zip"'
    answer["Cache-Control"] = "no-store"
    return answer


@readers_only
def flagged_csv(request: HttpRequest) -> HttpResponse:
    """Every flag that stands, as a table."""
    record(AuditAction.EXPORTED, request.user.get_username(), what="list of the flagged")
    rows = ([harmless(cell) for cell in row] for row in csv_rows())
    return csv_answer("flagged.csv", CSV_HEAD, rows)


def reader_of(request: HttpRequest) -> User:
    """The account that asks; the guard saw that there is one."""
    return cast(User, request.user)
