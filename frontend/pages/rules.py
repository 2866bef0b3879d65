"""The routing rules for admins: their list, the form of one, and every step of the admin's own draft."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.db.models.fields.json import KT
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from review import rule_drafts
from review.models import Algorithm, QualityPolicy, Series, Study
from review.routing_conditions import COMPARISONS
from review.routing_documents import AfterWait, Document, Urgency, complete, new_key, problems_in_rule
from review.routing_tags import TAGS, Kind, Tag
from review.routing_words import sentence
from review.rule_versions import current_number
from segmentation.types import Phase

LISTED_VALUES = 20
CHOICES = {
    "phase": [
        (Phase.UNKNOWN, "not stated"),
        (Phase.PREOP, "before surgery"),
        (Phase.POSTOP, "after surgery"),
    ],
    "urgency": [(Urgency.NORMAL, "normal"), (Urgency.URGENT, "urgent"), (Urgency.OFF_PEAK, "off-peak")],
    "after_wait": [
        (AfterWait.ALERT, "incomplete, with an alert"),
        (AfterWait.GIVE_UP, "incomplete, no alert"),
        (AfterWait.DISCARD, "discarded"),
    ],
    "quality_policy": QualityPolicy.choices,
}


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """The rules in their order, each in a sentence; those of the draft where there is one."""
    by = request.user.get_username()
    draft = rule_drafts.draft_of(by)
    rules = [{**rule, "sentence": sentence(rule)} for rule in rule_drafts.rules_seen_by(by)]
    return render(
        request, "frontend/rules.html", {"rules": rules, "draft": draft, "version": current_number()}
    )


@admins_only
def edit(request: HttpRequest, key: str = "") -> HttpResponse:
    """The form of a rule; what is wrong is said at its field, and nothing is taken until all is well."""
    by = request.user.get_username()
    known = next((one for one in rule_drafts.rules_seen_by(by) if one["key"] == key), None)
    if key and known is None:
        raise Http404("There is no such rule.")
    rule = known or complete({"key": new_key(), "owner": by})
    problems: dict[str, list[str]] = {}
    if request.method == "POST":
        rule = _read(request, rule["key"])
        problems = problems_in_rule(rule) or _name_taken(by, rule)
        if not problems:
            rule_drafts.put_rule(by, rule)
            messages.success(request, f"“{rule['name']}” is in your draft. It is in force once you save.")
            return redirect("rules")
    return render(
        request, "frontend/rule.html", _form(rule, problems, is_new=known is None), status=_status(problems)
    )


def _status(problems: dict[str, list[str]]) -> int:
    return 400 if problems else 200


def _form(rule: Document, problems: dict[str, list[str]], *, is_new: bool) -> dict[str, Any]:
    return {
        "rule": rule,
        "is_new": is_new,
        "problems": problems,
        "sentence": "" if problems else sentence(rule),
        "choices": CHOICES,
        "models": Algorithm.objects.filter(is_installed=True).values_list("name", flat=True).distinct(),
        "tree": {"conditions": rule["conditions"], "overrides": rule["role_overrides"], "tags": _tags()},
    }


def _tags() -> list[dict[str, Any]]:
    return [
        {
            "tag": tag.value,
            "spoken": facts.spoken,
            "kind": facts.kind.value,
            "ofSeries": facts.of_series,
            "unit": facts.unit,
            "choices": list(facts.choices),
            "tests": [test.value for test in COMPARISONS[facts.kind]],
        }
        for tag, facts in TAGS.items()
    ]


def _name_taken(by: str, rule: Document) -> dict[str, list[str]]:
    others = [one["name"] for one in rule_drafts.rules_seen_by(by) if one["key"] != rule["key"]]
    return {"name": ["Another rule has this name."]} if rule["name"] in others else {}


def _read(request: HttpRequest, key: str) -> Document:
    """The rule of a form, as it was typed: what does not fit is left for `problems_in_rule` to name."""
    sent = request.POST
    words = ("name", "owner", "comment", "model", "phase", "urgency", "off_peak_from", "off_peak_to",
             "after_wait", "quality_policy")  # fmt: skip
    return complete(
        {
            "key": key,
            **{name: sent.get(name, "").strip() for name in words},
            "enabled": "enabled" in sent,
            "raises_alert": "raises_alert" in sent,
            "priority": _whole(sent.get("priority", "0")),
            "wait_hours": _whole(sent["wait_hours"]) if sent.get("wait_hours") else None,
            "destinations": _words(sent.get("destinations", "")),
            "notify": _words(sent.get("notify", "")),
            "conditions": _json(sent.get("conditions", "[]")),
            "role_overrides": _json(sent.get("role_overrides", "[]")),
        }
    )


def _whole(text: str) -> int | str:
    """A whole number, or the text as it is where it is none."""
    digits = text.strip()
    return int(digits) if len(digits) < 10 and digits.removeprefix("-").isdecimal() else digits


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _step(act: Callable[[str, HttpRequest], None]) -> Callable[[HttpRequest], HttpResponse]:
    """A button of the list: change the draft, show the list again."""

    @admins_only
    @require_POST
    def step(request: HttpRequest) -> HttpResponse:
        act(request.user.get_username(), request)
        return redirect("rules")

    return step  # type: ignore[return-value]


switch = _step(lambda by, request: rule_drafts.switch_rule(by, request.POST.get("key", "")))
remove = _step(lambda by, request: rule_drafts.remove_rule(by, request.POST.get("key", "")))
order = _step(lambda by, request: rule_drafts.order_rules(by, request.POST.getlist("key")))
discard = _step(lambda by, request: rule_drafts.discard_draft(by))


@admins_only
def values(request: HttpRequest) -> HttpResponse:
    """The values of a tag that were seen on this site, the most frequent first, with their counts."""
    name, typed = request.GET.get("tag", ""), request.GET.get("q", "")[:100]
    if name not in list(Tag) or not TAGS[Tag(name)].field or TAGS[Tag(name)].kind is not Kind.TEXT:
        return JsonResponse({"values": []})
    found = _seen(Tag(name), typed.replace("\x00", ""))
    return JsonResponse({"values": [{"value": value, "count": count} for value, count in found]})


def _seen(tag: Tag, typed: str) -> list[tuple[str, int]]:
    facts = TAGS[tag]
    if facts.of_series:
        rows = Series.objects.filter(is_ours=False, study__is_heartbeat=False).annotate(
            seen=KT(f"header__{facts.field}")
        )
        listed = rows.filter(seen__icontains=typed).exclude(seen="").values_list("seen")
        return list(listed.annotate(count=Count("pk")).order_by("-count", "seen")[:LISTED_VALUES])
    field = {"sex": "patient_sex"}.get(facts.field, facts.field)
    studies = Study.objects.filter(**{f"{field}__icontains": typed}).exclude(**{field: ""}).values_list(field)
    return list(studies.annotate(count=Count("pk")).order_by("-count", field)[:LISTED_VALUES])
