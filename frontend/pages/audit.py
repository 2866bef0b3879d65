"""The audit log for admins: filtered lines on a page, and all that fit as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from frontend.asked import asked_day
from frontend.csv_files import harmless
from frontend.permissions import admins_only
from review.audit import CSV_HEAD, AuditQuery, csv_rows, record
from review.models import AuditAction

PAGE_SIZE = 50


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """The lines that fit, newest first."""
    query = read_query(request.GET)
    asked = {
        name: request.GET[name]
        for name in ("action", "by", "about", "first", "last")
        if request.GET.get(name)
    }
    context = {
        "query": query,
        "actions": AuditAction.choices,
        "entries": Paginator(query.entries(), PAGE_SIZE).get_page(request.GET.get("page")),
        "address": urlencode(asked),
    }
    return render(request, "frontend/audit.html", context)


@admins_only
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The lines that fit as CSV; that they were exported is a line itself."""
    query = read_query(request.GET)
    record(
        AuditAction.EXPORTED, request.user.get_username(), what="audit log", filter=request.GET.urlencode()
    )
    answer = StreamingHttpResponse(_csv_lines(query), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="audit-{timezone.localdate():%Y-%m-%d}.csv"'
    return answer


def read_query(asked: QueryDict) -> AuditQuery:
    """The filters of an address; what makes no sense is left out."""
    action = asked.get("action", "")
    return AuditQuery(
        action=action if action in AuditAction.values else "",
        by=_text(asked.get("by", "")),
        about=_text(asked.get("about", "")),
        first_day=asked_day(asked.get("first", "")),
        last_day=asked_day(asked.get("last", "")),
    )


def _text(value: str) -> str:
    return value.replace("\x00", "").strip()[:150]


class _Echo:
    """A file for the CSV writer that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(query: AuditQuery) -> Iterator[Any]:
    writer = csv.writer(_Echo())
    yield writer.writerow(CSV_HEAD)
    for row in csv_rows(query.entries()):
        yield writer.writerow([harmless(cell) for cell in row])
