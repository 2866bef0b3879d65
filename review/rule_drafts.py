"""The draft of the rule set that one admin works on: changed step by step, in force only when it is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from review.models import RuleSetDraft, RuleSetVersion
from review.routing_documents import Document
from review.rule_sets import RuleSetError, StaleRulesError, keep_first_version, save_rule_set
from review.rule_versions import current_number, rules_in_force

Rules = list[Document]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that differs between two rule sets; None where it is not there. `fields` are those that differ."""

    name: str
    before: Document | None
    after: Document | None
    fields: tuple[tuple[str, Any, Any], ...]

    @property
    def words(self) -> str:
        """What became of it."""
        if self.before is None:
            return "new"
        return "removed" if self.after is None else "changed"


def compare(before: Sequence[Document], after: Sequence[Document]) -> list[RuleChange]:
    """Rule by rule what differs, with the place in the order as a field of its own."""
    old = {rule["key"]: {**rule, "place": place} for place, rule in enumerate(before, start=1)}
    new = {rule["key"]: {**rule, "place": place} for place, rule in enumerate(after, start=1)}
    changes = []
    for key in dict.fromkeys([*new, *old]):
        was, is_now = old.get(key), new.get(key)
        if was != is_now:
            known = is_now or was or {}
            fields = tuple(
                (name, was[name], is_now[name])
                for name in known
                if was and is_now and was[name] != is_now[name]
            )
            changes.append(RuleChange(known["name"], was, is_now, fields))
    return changes


def draft_of(by: str) -> RuleSetDraft | None:
    """The draft of a person, or None."""
    return RuleSetDraft.objects.filter(by=by).first()


def rules_seen_by(by: str) -> Rules:
    """The rules as their draft has them, else those in force."""
    draft = draft_of(by)
    return list(draft.document) if draft else rules_in_force()


@transaction.atomic
def change_draft(by: str, change: Callable[[Rules], Rules]) -> None:
    """Change a person's draft, which begins from the rules in force; one that says nothing new is dropped."""
    keep_first_version()
    RuleSetDraft.objects.get_or_create(
        by=by, defaults={"document": rules_in_force(), "based_on": current_number()}
    )
    draft = RuleSetDraft.objects.select_for_update().get(by=by)
    draft.document = change(list(draft.document))
    if draft.document == rules_in_force():
        draft.delete()
    else:
        draft.save()


def put_rule(by: str, rule: Document) -> None:
    """Take a rule into the draft: in place of the one with its key, else at the end."""

    def change(rules: Rules) -> Rules:
        if any(one["key"] == rule["key"] for one in rules):
            return [rule if one["key"] == rule["key"] else one for one in rules]
        return [*rules, rule]

    change_draft(by, change)


def remove_rule(by: str, key: str) -> None:
    """Leave a rule out."""
    change_draft(by, lambda rules: [one for one in rules if one["key"] != key])


def switch_rule(by: str, key: str) -> None:
    """Enable a disabled rule, or the other way round."""
    change_draft(
        by,
        lambda rules: [{**one, "enabled": not one["enabled"]} if one["key"] == key else one for one in rules],
    )


def order_rules(by: str, keys: Sequence[str]) -> None:
    """Put the rules into the order of these keys; rules that are not named follow as they were."""
    place = {key: number for number, key in enumerate(keys)}
    change_draft(by, lambda rules: sorted(rules, key=lambda one: place.get(one["key"], len(place))))


def take_up_version(by: str, number: int) -> None:
    """Make the rules of an earlier version the draft, so that they can be tried before they are in force again.

    Raises:
        RuleSetError: there is no such version.
    """
    version = RuleSetVersion.objects.filter(number=number).first()
    if version is None:
        raise RuleSetError(f"There is no version {number}.")
    change_draft(by, lambda _: list(version.document))
    RuleSetDraft.objects.filter(by=by).update(restores=number, based_on=current_number())


def discard_draft(by: str) -> None:
    """Forget a draft."""
    RuleSetDraft.objects.filter(by=by).delete()


@transaction.atomic
def save_draft(by: str, why: str, decide_days: int) -> RuleSetVersion:
    """Put a draft in force; studies without a job of the last `decide_days` days are decided anew (0: none).

    Raises:
        RuleSetError: there is no draft, it is not valid, or somebody saved meanwhile; the draft stays.
    """
    draft = RuleSetDraft.objects.select_for_update().filter(by=by).first()
    if draft is None:
        raise RuleSetError("There is nothing to save: the rules are as they are in force.")
    version = save_rule_set(
        draft.document,
        by=by,
        why=why,
        based_on=draft.based_on,
        decide_since=timezone.now() - timedelta(days=decide_days) if decide_days else None,
        restores=draft.restores,
    )
    draft.delete()
    return version


@transaction.atomic
def move_draft_to_latest(by: str) -> None:
    """Put a person's changes onto the version in force, which somebody saved meanwhile.

    Raises:
        StaleRulesError: both changed the same rule; the draft stays as it is.
    """
    draft = RuleSetDraft.objects.select_for_update().filter(by=by).first()
    base = RuleSetVersion.objects.filter(number=draft.based_on).first() if draft else None
    if draft is None or base is None:
        return
    mine = {
        (one.after or one.before or {})["key"]: one.after for one in compare(base.document, draft.document)
    }
    theirs = {
        (one.after or one.before or {})["key"]: one.name for one in compare(base.document, rules_in_force())
    }
    if both := [name for key, name in theirs.items() if key in mine]:
        raise StaleRulesError(
            f"Both of you changed {' and '.join(f'“{name}”' for name in both)}. Discard your draft."
        )
    kept = [mine.get(rule["key"], rule) for rule in rules_in_force()]
    known = {rule["key"] for rule in rules_in_force()}
    added = [after for key, after in mine.items() if key not in known]
    document = [{name: one[name] for name in one if name != "place"} for one in (*kept, *added) if one]
    RuleSetDraft.objects.filter(pk=draft.pk).update(document=document, based_on=current_number())
