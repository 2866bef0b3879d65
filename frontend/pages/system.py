"""How the system is: counts, services, storage, and files that could not be taken."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.permissions import readers_only
from orthanc.errors import OrthancError
from review import pacs, selectors
from review.models import Study

ORTHANC_ANSWERS_WITHIN_S = 3.0
GB = 1e9
LOW_DISK_GB = 5


@dataclass(frozen=True, slots=True)
class Service:
    """A part of the system, whether it is well, and what there is to say about it."""

    name: str
    is_well: bool
    text: str


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """Counts per state, services and storage."""
    health = selectors.health()
    counts = selectors.counts_by_state()
    context = {
        "counts": [(state.label, state.value, counts[state.value]) for state in Study.State],
        "services": [_orthanc(), _follower(health), _workers(health), _storage()],
        "problems": selectors.intake_problems()[:5],
        "rules": selectors.enabled_rules(),
    }
    return render(request, "frontend/system.html", context)


@readers_only
def problems(request: HttpRequest) -> HttpResponse:
    """Files that could not be taken, newest first."""
    listed = Paginator(selectors.intake_problems(), 50).get_page(request.GET.get("page"))
    return render(request, "frontend/problems.html", {"problems": listed})


def _orthanc() -> Service:
    try:
        with pacs.connect(ORTHANC_ANSWERS_WITHIN_S) as orthanc:
            found = orthanc.system()
    except OrthancError as error:
        return Service("Orthanc", False, str(error))
    return Service("Orthanc", True, f"Answers; version {found.get('Version', 'not told')}.")


def _follower(health: selectors.Health) -> Service:
    if not health.follower_alive:
        return Service("Follower", False, "Silent: new studies are not seen. Is `manage.py follow` running?")
    return Service(
        "Follower", not health.follower_trouble, health.follower_trouble or "Reads Orthanc's changes."
    )


def _workers(health: selectors.Health) -> Service:
    words = f"{health.running_jobs} running, {health.queued_jobs} queued"
    if health.silent_jobs:
        return Service("Workers", False, f"{words}; {health.silent_jobs} gave no sign of life.")
    return Service("Workers", True, f"{words}.")


def _storage() -> Service:
    folder = Path(settings.ARTEFACTS_DIR)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    text = f"{usage.free / GB:.0f} GB free of {usage.total / GB:.0f} GB."
    return Service("Storage", usage.free / GB > LOW_DISK_GB, text)
