"""Whether the pipeline is worth its while: yield by group and week, time by stage, failures and flags, drift."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from frontend.permissions import readers_only
from review import weekly, yields
from review.drift import REFERENCE_DAYS
from review.drift_watch import seen_studies
from review.models import Alert
from review.selectors import alerts

DAYS = (7, 30, 90, 365)
MOST_ALERTS = 20


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
        "charts": {
            "yield": weekly.weekly_yield(since).as_json(),
            "seconds": weekly.weekly_seconds(since).as_json(),
            "flags": weekly.weekly_flags(since).as_json(),
            "failures": weekly.weekly_failures(since).as_json(),
        },
    }
    return render(request, "frontend/dashboard.html", context)


@readers_only
def drift(request: HttpRequest) -> HttpResponse:
    """What a scanner sent week by week, in one protocol or all, and the alarms about it."""
    studies = seen_studies()
    scanners = sorted({one.scanner for one in studies})
    scanner = request.GET.get("scanner", "")
    scanner = scanner if scanner in scanners else (scanners[0] if scanners else "")
    own = [one for one in studies if one.scanner == scanner]
    protocols = sorted({one.protocol for one in own if one.protocol})
    protocol = request.GET.get("protocol", "")
    if protocol in protocols:
        own = [one for one in own if one.protocol == protocol]
    context = {
        "scanners": scanners,
        "scanner": scanner,
        "protocols": protocols,
        "protocol": protocol,
        "n_studies": len(own),
        "reference_days": REFERENCE_DAYS,
        "alerts": alerts().filter(kind=Alert.Kind.DRIFT)[:MOST_ALERTS],
        "charts": {
            "descriptions": weekly.weekly_descriptions(own).as_json(),
            "ends": weekly.weekly_ends(own).as_json(),
        },
    }
    return render(request, "frontend/drift.html", context)
