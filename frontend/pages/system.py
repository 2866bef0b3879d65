"""How the system is: counts, services, storage, and files that could not be taken."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.formatting import duration
from frontend.pages.fragments import answer_poll, render_fragment
from frontend.permissions import readers_only
from review import selectors
from review.health import SystemHealth, system_health
from review.heartbeat import heart_is_well, heart_words
from review.models import Outage, Study
from review.storage import is_nearly_full, storage_trouble

QUEUES = {"cpu": "preparing and publishing", "gpu": "segmenting"}
GB = 1e9


@dataclass(frozen=True, slots=True)
class Service:
    """A part of the system, whether it is well, and what there is to say about it."""

    name: str
    is_well: bool
    text: str


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; its live part asks `live` every few seconds."""
    html, digest = _live_part(request)
    return render(request, "frontend/system.html", {"live": html, "digest": digest})


@readers_only
def live(request: HttpRequest) -> HttpResponse:
    """The live part alone, or 204 where nothing changed."""
    html, digest = _live_part(request)
    return answer_poll(request, html, digest)


def _live_part(request: HttpRequest) -> tuple[str, str]:
    health = system_health()
    context = {
        "counts": [(state.label, state.value, health.studies[state.value]) for state in Study.State],
        "services": services_of(health),
        "problems": selectors.intake_problems()[:5],
        "alerts": selectors.alerts()[:10],
        "outages": Outage.objects.all()[:10],
        "rules": selectors.enabled_rules(),
    }
    return render_fragment("frontend/parts/system_live.html", context, request)


def services_of(health: SystemHealth) -> list[Service]:
    """Every part of the system in the words of an operator."""
    return [
        Service(
            "Orthanc",
            not health.orthanc_trouble,
            health.orthanc_trouble or f"Answers, version {health.orthanc_version}.",
        ),
        _follower(health),
        *(_workers_of(queue, purpose, health) for queue, purpose in QUEUES.items()),
        Service("Queue", not health.silent_jobs, _queue_words(health)),
        Service("Heartbeat", heart_is_well(), heart_words()),
        Service("Broker", not health.broker_trouble, health.broker_trouble or "Answers."),
        _storage(),
    ]


@readers_only
def problems(request: HttpRequest) -> HttpResponse:
    """Files that could not be taken, newest first."""
    listed = Paginator(selectors.intake_problems(), 50).get_page(request.GET.get("page"))
    return render(request, "frontend/problems.html", {"problems": listed})


def _follower(health: SystemHealth) -> Service:
    if not health.follower_alive:
        return Service("Follower", False, "Silent: new studies are not seen until it runs again.")
    return Service(
        "Follower", not health.follower_trouble, health.follower_trouble or "Reads Orthanc's changes."
    )


def _workers_of(queue: str, purpose: str, health: SystemHealth) -> Service:
    alive = sum(worker.is_alive and queue in worker.queues for worker in health.workers)
    words = f"{alive} process{'' if alive == 1 else 'es'} for {purpose}."
    return Service(f"Workers ({queue})", alive > 0, words if alive else f"None runs: no {purpose}.")


def _queue_words(health: SystemHealth) -> str:
    words = f"{health.running_jobs} running, {health.queued_jobs} queued"
    if health.oldest_queued_s is not None:
        # Whole minutes: a page that counts seconds never rests.
        words += f", the oldest for {duration(health.oldest_queued_s // 60 * 60)}"
    return f"{words}; {health.silent_jobs} gave no sign of life." if health.silent_jobs else f"{words}."


def _storage() -> Service:
    folder = Path(settings.ARTEFACTS_DIR)
    if trouble := storage_trouble():
        return Service("Storage", False, trouble)
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / GB:.0f} GB free of {usage.total / GB:.0f} GB."
    return Service("Storage", not is_nearly_full(), text)
