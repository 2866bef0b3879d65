"""Which rule wants a study: pure, on header values. Rules are data; nothing is ever evaluated as code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orthanc.types import Role, RoleGuess, SeriesHeader, StudyHeader
from review.routing_conditions import Comparison, Condition, Group, Join, Node, holds
from review.routing_facts import StudyFacts
from review.routing_reading import problems_in_conditions, read_conditions
from review.routing_tags import Tag

__all__ = [
    "Answer",
    "Comparison",
    "Condition",
    "Explanation",
    "Group",
    "Join",
    "RoleOverride",
    "Rule",
    "Tag",
    "Verdict",
    "explain",
    "find_rule",
    "first_match",
    "problems_in_conditions",
    "read_conditions",
    "read_overrides",
    "roles_by_rule",
    "rule_from",
]

SURE_BY_RULE = 0.99
"""Below the 1.0 of a person who chose for one study."""


@dataclass(frozen=True, slots=True)
class RoleOverride:
    """What series are at this site: one for which all conditions hold has the role, whatever its header suggests."""

    role: Role
    conditions: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named set of conditions that must all hold. `key` is the caller's own handle."""

    key: int
    name: str
    conditions: tuple[Node, ...]
    role_overrides: tuple[RoleOverride, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule that wants the study, or None; and why, in words for people."""

    rule: Rule | None
    reason: str


def find_rule(rules: Sequence[Rule], study: StudyHeader | StudyFacts) -> Verdict:
    """The first rule whose conditions all hold for the study; our own results in it are not looked at."""
    if not rules:
        return Verdict(None, "No routing rule is enabled.")
    facts = study if isinstance(study, StudyFacts) else StudyFacts(study)
    failed: list[tuple[Rule, Node]] = []
    for rule in rules:
        unmet = next((one for one in rule.conditions if not holds(one, facts)), None)
        if unmet is None:
            return Verdict(rule, f"Wanted by rule “{rule.name}”.")
        failed.append((rule, unmet))
    refusals = "; ".join(f"“{rule.name}” needs {unmet}{_here(unmet, facts)}" for rule, unmet in failed)
    return Verdict(None, f"No routing rule wants it: {refusals}.")


def first_match(rules: Iterable[Rule], facts: StudyFacts) -> Rule | None:
    """The rule alone, for many studies at once."""
    return next((rule for rule in rules if all(holds(one, facts) for one in rule.conditions)), None)


def roles_by_rule(rule: Rule | None, series: Iterable[SeriesHeader]) -> dict[str, RoleGuess]:
    """By series UID, the roles that the overrides of a rule give; the first override that fits decides."""
    if rule is None or not rule.role_overrides:
        return {}
    told = {}
    for one in series:
        alone = StudyFacts(StudyHeader(one.study_uid), {}, (one,))
        for override in rule.role_overrides:
            if all(holds(node, alone) for node in override.conditions):
                words = " and ".join(str(node) for node in override.conditions)
                reason = f"rule “{rule.name}”: {words} is {override.role}"
                told[one.series_uid] = RoleGuess(override.role, SURE_BY_RULE, reason)
                break
    return told


@dataclass(frozen=True, slots=True)
class Answer:
    """One condition or group tried on a study: what was asked, how deep it lies, whether it holds, what is there."""

    words: str
    depth: int
    holds: bool
    here: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule tried on a study."""

    rule: Rule
    holds: bool
    answers: tuple[Answer, ...]


def explain(rules: Iterable[Rule], facts: StudyFacts) -> list[Explanation]:
    """Rule by rule why it would, or would not, want the study; every condition is answered."""
    explained = []
    for rule in rules:
        answers = tuple(answer for node in rule.conditions for answer in _answers(node, facts, 0))
        explained.append(Explanation(rule, all(one.holds for one in answers if one.depth == 0), answers))
    return explained


def _answers(node: Node, facts: StudyFacts, depth: int) -> Iterable[Answer]:
    if isinstance(node, Condition):
        yield Answer(str(node), depth, holds(node, facts), facts.shown(node.tag))
        return
    words = {
        Join.ALL: "all of",
        Join.ANY: "any of",
        Join.NOT: "none of",
        Join.ONE_SERIES: "one series with all of",
    }
    yield Answer(words[node.join], depth, holds(node, facts), "")
    for inner in node.nodes:
        yield from _answers(inner, facts, depth + 1)


def _here(node: Node, facts: StudyFacts) -> str:
    return f", here it is {facts.shown(node.tag)}" if isinstance(node, Condition) else ""


def rule_from(document: Mapping[str, Any], key: int) -> Rule:
    """A rule's document (`routing_documents`) as a value, with the caller's own handle."""
    return Rule(
        key,
        document["name"],
        read_conditions(document["conditions"]),
        read_overrides(document["role_overrides"]),
    )


def read_overrides(overrides: Iterable[Mapping[str, Any]]) -> tuple[RoleOverride, ...]:
    """Stored role overrides (`{"role": "FLAIR", "series": [conditions]}`) as values."""
    return tuple(RoleOverride(Role(str(one["role"])), read_conditions(one["series"])) for one in overrides)
