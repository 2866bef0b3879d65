"""What machines ask: is it alive, is it ready, and the figures for Prometheus. None of it names a patient."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from review.metrics import render_metrics
from review.readiness import readiness

LOOPBACK = {"127.0.0.1", "::1"}


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers. Asks nothing else, so that a dead database does not get web servers restarted."""
    return JsonResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Ready: 200 where a study that arrives now would be processed, else 503; each part ok or not, no more."""
    parts = readiness()
    status = 200 if all(parts.values()) else 503
    said = {name: "ok" if well else "not" for name, well in parts.items()}
    return JsonResponse(said, status=status, headers={"Cache-Control": "no-store"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for whoever has METRICS_TOKEN; without one set, only for this very machine."""
    if not _may_scrape(request):
        return HttpResponse(
            "A token is needed: Authorization: Bearer ...\n", status=403, content_type="text/plain"
        )
    return HttpResponse(
        render_metrics(), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        return hmac.compare_digest(given, settings.METRICS_TOKEN.encode())
    # A proxy on this machine speaks for others, and says so.
    return request.META.get("REMOTE_ADDR") in LOOPBACK and "X-Forwarded-For" not in request.headers
