"""The inbox of what no rule and no role took; one click says what a kind of series is, or leaves it out of sight."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from orthanc.types import NEEDED_ROLES, Role
from review import inbox, rule_drafts

DAYS = 30


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """Kinds of series without a role, and studies that no rule wants, of the last days."""
    since = timezone.now() - timedelta(days=DAYS)
    ignored = request.GET.get("show") == "ignored"
    context = {
        "days": DAYS,
        "ignored": ignored,
        "variants": inbox.unmatched_variants(since, ignored=ignored),
        "studies": inbox.unwanted_studies(since),
        "rules": rule_drafts.rules_seen_by(request.user.get_username()),
        "roles": [role.value for role in NEEDED_ROLES],
    }
    return render(request, "frontend/inbox.html", context)


@admins_only
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """What was decided of one kind of series."""
    by = request.user.get_username()
    description, scanner = request.POST.get("description", ""), request.POST.get("scanner", "")
    decision, rule = request.POST.get("decision", ""), request.POST.get("rule", "")
    if decision == "ignore":
        inbox.ignore(description, scanner, by)
        messages.success(request, f"“{description or 'No description'}” stays out of the inbox.")
    elif decision == "heed":
        inbox.heed_again(description, scanner)
    elif decision in list(NEEDED_ROLES) and any(one["key"] == rule for one in rule_drafts.rules_seen_by(by)):
        inbox.say_role(by, rule, Role(decision), description, scanner)
        return redirect("rule-review")
    else:
        messages.error(request, "Choose a role and a rule.")
    return redirect("inbox")
