"""What a draft of the rules changes, tried on stored studies; versions of the rules; one dropped study explained."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from orthanc.errors import RejectedFileError
from review import rule_drafts
from review.models import RuleSetDraft, RuleSetVersion
from review.routing import explain, rule_from
from review.routing_documents import problems_in_rule_set
from review.routing_facts import StudyFacts
from review.routing_words import sentence
from review.rule_sets import RuleSetError
from review.rule_trial import ChangeKind, try_rules
from review.rule_versions import current_number, rules_in_force
from review.sample_study import read_sample

DAYS = (7, 30, 90, 365)
LISTED = 200


@admins_only
def review(request: HttpRequest) -> HttpResponse:
    """What the draft changes: rule by rule, and study by study on the headers of the last days."""
    by = request.user.get_username()
    draft = rule_drafts.draft_of(by)
    if draft is None:
        return redirect("rules")
    days = _days(request.GET.get("days", ""))
    context: dict[str, Any] = {"draft": draft, "days": days, "all_days": DAYS, **_conflict(draft)}
    context["changes"] = rule_drafts.compare(rules_in_force(), draft.document)
    context["problems"] = problems_in_rule_set(draft.document)
    if not context["problems"]:
        trial = try_rules(draft.document, since=timezone.now() - timedelta(days=days))
        context |= {
            "trial": trial,
            "counts": [(kind.value, count) for kind, count in trial.counts().items()],
            "listed": trial.changes[:LISTED],
            "gained": trial.counts()[ChangeKind.GAINED],
        }
    return render(request, "frontend/rule_review.html", context)


def _days(text: str) -> int:
    return int(text) if text in {str(one) for one in DAYS} else 30


def _conflict(draft: RuleSetDraft) -> dict[str, Any]:
    if draft.based_on == current_number():
        return {}
    return {"newer": RuleSetVersion.objects.filter(number__gt=draft.based_on)}


@admins_only
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Put the draft in force; refused with the reason where somebody else was first."""
    by = request.user.get_username()
    days = _days(request.POST.get("days", "")) if request.POST.get("decide") else 0
    try:
        version = rule_drafts.save_draft(by, request.POST.get("why", "")[:2000], days)
    except RuleSetError as error:
        messages.error(request, str(error))
        return redirect("rule-review")
    messages.success(request, f"Version {version.number} is in force.")
    return redirect("rules")


@admins_only
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Put the draft onto the version that somebody saved meanwhile."""
    try:
        rule_drafts.move_draft_to_latest(request.user.get_username())
    except RuleSetError as error:
        messages.error(request, str(error))
    return redirect("rule-review")


@admins_only
def versions(request: HttpRequest) -> HttpResponse:
    """All versions, newest first."""
    return render(
        request,
        "frontend/rule_versions.html",
        {"versions": RuleSetVersion.objects.all(), "now": current_number()},
    )


@admins_only
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One version, and how it differs from the one before or from another one."""
    found = RuleSetVersion.objects.filter(number=number).first()
    if found is None:
        raise Http404("There is no such version.")
    asked = request.GET.get("against", "")
    against = int(asked) if asked.isdecimal() and len(asked) < 9 else number - 1
    other = RuleSetVersion.objects.filter(number=against).first()
    context = {
        "version": found,
        "other": other,
        "numbers": RuleSetVersion.objects.values_list("number", flat=True),
        "changes": rule_drafts.compare(other.document if other else [], found.document),
        "sentences": [(rule["name"], sentence(rule)) for rule in found.document],
        "is_in_force": found.number == current_number(),
    }
    return render(request, "frontend/rule_version.html", context)


@admins_only
@require_POST
def restore(request: HttpRequest, number: int) -> HttpResponse:
    """Make an earlier version the draft: it is tried before it is in force again."""
    try:
        rule_drafts.take_up_version(request.user.get_username(), number)
    except RuleSetError as error:
        messages.error(request, str(error))
    return redirect("rule-review")


@admins_only
def explain_file(request: HttpRequest) -> HttpResponse:
    """Which rule would want a dropped DICOM file or zip, condition by condition; the file is not kept."""
    context: dict[str, Any] = {}
    if request.method == "POST":
        try:
            study = read_sample(request.FILES.getlist("files"))
        except RejectedFileError as error:
            messages.error(request, str(error))
        else:
            rules = rule_drafts.rules_seen_by(request.user.get_username())
            asked = [rule_from(rule, place) for place, rule in enumerate(rules)]
            facts = StudyFacts(study)
            context = {
                "study": study,
                "explained": list(zip(rules, explain(asked, facts), strict=True)),
                "guesses": [(one, facts.guesses().get(one.series_uid)) for one in facts.series],
            }
    return render(request, "frontend/rule_explain.html", context)
