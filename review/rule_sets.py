"""Writes of the rule set: every save is a version of all rules; nobody overwrites what they have not seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import DataError, transaction

from review.audit import record
from review.intake import decide_anew
from review.models import AuditAction, RoutingRule, RuleSetVersion, Study
from review.models.job_queue import locked_study
from review.routing_documents import Document, complete, problems_in_rule_set
from review.rule_versions import current_number, rules_in_force

log = logging.getLogger(__name__)

DECIDED_AT_ONCE = 40
"""Studies decided anew in one sweep, so that the follower is not held up."""


class RuleSetError(Exception):
    """The rule set cannot be saved; the text says why."""


class BadRulesError(RuleSetError):
    """Rules that nobody can evaluate; one problem per line."""


class StaleRulesError(RuleSetError):
    """Somebody saved another version meanwhile."""


@transaction.atomic
def save_rule_set(
    rules: Sequence[Document],
    *,
    by: str,
    why: str,
    based_on: int,
    decide_since: datetime | None = None,
    restores: int | None = None,
) -> RuleSetVersion:
    """Put a whole rule set in force and keep it as a version.

    Studies without a job that came after `decide_since` are decided anew, by the sweeper; None leaves them.

    Raises:
        BadRulesError: a rule is not valid; nothing is changed.
        StaleRulesError: `based_on` is no longer the version in force; nothing is changed.
        RuleSetError: no reason was given, or nothing would change.
    """
    _lock()
    document = [complete(rule) for rule in rules]
    _check(document, why, based_on)
    version = RuleSetVersion.objects.create(
        number=current_number() + 1,
        document=document,
        by=by,
        why=why.strip(),
        restores=restores,
        decide_since=decide_since,
        is_decided=decide_since is None,
    )
    _put_in_force(document)
    record(AuditAction.RULE_CHANGED, by, version=version.number, why=version.why)
    log.info("rule set version %d in force", version.number)
    return version


def _lock() -> None:
    """Of two admins at once the second waits, and then finds what the first saved."""
    keep_first_version()
    RuleSetVersion.objects.select_for_update().get(number=1)


def _check(document: list[Document], why: str, based_on: int) -> None:
    latest = RuleSetVersion.objects.order_by("-number").first()
    if latest is not None and latest.number != based_on:
        raise StaleRulesError(
            f"{latest.by} saved version {latest.number} meanwhile ({latest.why}). Your changes start from version "
            f"{based_on} and were not saved."
        )
    if not why.strip():
        raise RuleSetError(
            "Say why the rules change: it is what the next reader of this version will look for."
        )
    if problems := problems_in_rule_set(document):
        raise BadRulesError("\n".join(problems))
    if document == rules_in_force():
        raise RuleSetError("Nothing would change.")


def _put_in_force(document: list[Document]) -> None:
    RoutingRule.objects.exclude(key__in=[rule["key"] for rule in document]).delete()
    for place, rule in enumerate(document, start=1):
        values = {name: value for name, value in rule.items() if name != "key"}
        RoutingRule.objects.update_or_create(key=rule["key"], defaults={**values, "order": place * 10})


def keep_first_version() -> None:
    """Keep the rules as they are as version 1, where no version was ever kept."""
    RuleSetVersion.objects.get_or_create(
        number=1,
        defaults={
            "document": rules_in_force(),
            "by": "installation",
            "why": "The rules before there were versions.",
            "is_decided": True,
        },
    )


def restore_version(number: int, *, by: str, why: str = "") -> RuleSetVersion:
    """Go back to the rules of an earlier version, as a new version.

    Raises:
        RuleSetError: there is no such version, or its rules are in force already.
    """
    earlier = RuleSetVersion.objects.filter(number=number).first()
    if earlier is None:
        raise RuleSetError(f"There is no version {number}.")
    return save_rule_set(
        earlier.document,
        by=by,
        why=why or f"Back to version {number}.",
        based_on=current_number(),
        restores=number,
    )


def _decide(study_id: int) -> None:
    """One study. A stored header that cannot be read does not hold up the others."""
    try:
        with locked_study(study_id):
            decide_anew(Study.objects.get(pk=study_id))
    except (DataError, ValueError, KeyError):
        log.exception("study row %s could not be decided anew", study_id)


def decide_under_new_rules() -> int:
    """Decide studies without a job anew under the version in force, some at a time; how many were decided now."""
    version = RuleSetVersion.objects.filter(is_decided=False).last()
    if version is None:
        return 0
    chosen = list(version.undecided().values_list("pk", flat=True)[:DECIDED_AT_ONCE])
    for study_id in chosen:
        _decide(study_id)
    done = RuleSetVersion.objects.filter(pk=version.pk)
    if chosen:
        done.update(decided_up_to=chosen[-1])
    if len(chosen) < DECIDED_AT_ONCE:
        done.update(is_decided=True)
    return len(chosen)
