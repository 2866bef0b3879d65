"""A patient of another site, opened in an emergency: with a typed reason, for a while, in the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject

from frontend.permissions import readers_only
from review.models import BrokenGlass
from review.roles import can_read
from review.site_access import SiteAccessError, break_glass, open_glasses, scope_of, sites_of


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader who is limited to sites is told on every page."""

    sites: list[str]
    opened: list[BrokenGlass]


def in_templates(request: HttpRequest) -> dict[str, object]:
    """The limits of whoever asks, for every page; None where there are none."""
    return {"site_limits": SimpleLazyObject(lambda: _limits(request))}


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """The form, and its sending."""
    wanted = request.POST.get("wanted", request.GET.get("study", ""))
    reason = request.POST.get("reason", "")
    context = {"wanted": wanted, "reason": reason, "minutes": settings.BREAK_GLASS_MINUTES}
    if request.method != "POST":
        return render(request, "frontend/break_glass.html", context)
    user = request.user
    if not isinstance(user, User) or scope_of(user) is None:
        messages.info(request, "Your account sees the patients of every site as it is.")
        return redirect("worklist")
    try:
        study = break_glass(user, wanted, reason)
    except SiteAccessError as error:
        messages.error(request, str(error))
        return render(request, "frontend/break_glass.html", context, status=400)
    messages.warning(request, f"Open for {settings.BREAK_GLASS_MINUTES} minutes. This is in the audit log.")
    return redirect("study", study.study_uid)


def _limits(request: HttpRequest) -> Limits | None:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not can_read(user) or scope_of(user) is None:
        return None
    return Limits([value for _, value in sites_of(user)], open_glasses(user))
