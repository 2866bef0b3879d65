"""Whether the pipeline is worth its while: yield by group, time by stage, reasons of failures and of flags."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from frontend.permissions import readers_only
from review import yields

DAYS = (7, 30, 90, 365)


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The figures of the last days."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(one) for one in DAYS} else 90
    since = timezone.now() - timedelta(days=days)
    context = {
        "days": days,
        "all_days": DAYS,
        "yields": yields.yields(since),
        "stages": yields.stage_seconds(since),
        "failures": yields.failure_reasons(since),
        "flags": yields.flags_by_reason(since),
    }
    return render(request, "frontend/dashboard.html", context)
