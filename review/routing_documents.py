"""A rule, and the whole set of rules, as plain JSON: what its fields are, and what is wrong with them in words. Pure.

The same document is stored as a version, shown in forms, compared, and written to YAML.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from orthanc.destinations import problems_in_destinations
from orthanc.types import Role
from review.routing_reading import problems_in_conditions
from segmentation.types import Phase

Document = dict[str, Any]

MOST_RULES = 500
MOST_NAMES = 50
LONGEST_WAIT_H = 24 * 365

EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Urgency(StrEnum):
    """When the studies of a rule get their turn."""

    URGENT = "urgent"
    NORMAL = "normal"
    OFF_PEAK = "off_peak"


class AfterWait(StrEnum):
    """What becomes of a study whose missing series did not come until the deadline. It is never processed."""

    ALERT = "alert"
    GIVE_UP = "give_up"
    DISCARD = "discard"


class Quality(StrEnum):
    """What a failed quality gate does to a study."""

    STANDARD = "standard"
    STOP = "stop"
    WARN = "warn"


DEFAULTS: Document = {
    "key": "",
    "name": "",
    "enabled": True,
    "owner": "",
    "comment": "",
    "conditions": [],
    "model": "",
    "phase": Phase.UNKNOWN.value,
    "urgency": Urgency.NORMAL.value,
    "off_peak_from": "19:00",
    "off_peak_to": "06:00",
    "priority": 0,
    "wait_hours": None,
    "after_wait": AfterWait.ALERT.value,
    "quality_policy": Quality.STANDARD.value,
    "raises_alert": True,
    "destinations": [],
    "notify": [],
    "role_overrides": [],
}
"""Every field of a rule, in the order in which it is written, with its value where it is left out."""


def new_key() -> str:
    """A handle for a new rule that no other has, and that outlives its renaming."""
    return secrets.token_hex(6)


def complete(rule: Mapping[str, Any]) -> Document:
    """The rule with every field, in order; unknown fields are kept for `problems_in_rule` to name."""
    extra = {name: value for name, value in rule.items() if name not in DEFAULTS}
    return {name: rule.get(name, default) for name, default in DEFAULTS.items()} | extra


def problems_in_rule(rule: object) -> dict[str, list[str]]:
    """By field, what is wrong, in words for the admin; empty when all is well."""
    if not isinstance(rule, Mapping):
        return {"name": ["A rule is a set of fields."]}
    problems = {str(name): [f"Unknown field {str(name)[:40]!r}."] for name in rule if name not in DEFAULTS}
    document = complete(rule)
    for name, check in CHECKS.items():
        if found := list(check(document[name])):
            problems[name] = found
    return problems


def problems_in_rule_set(rules: object) -> list[str]:
    """What is wrong with a whole set of rules, rule by rule; empty when all is well."""
    if not isinstance(rules, list):
        return ["A list of rules is needed."]
    if len(rules) > MOST_RULES:
        return [f"{len(rules)} rules are too many; at most {MOST_RULES}."]
    problems = []
    for number, rule in enumerate(rules, start=1):
        name = rule.get("name") if isinstance(rule, Mapping) else None
        who = f"Rule {number}" + (f" “{name[:100]}”" if isinstance(name, str) and name else "")
        for field, found in problems_in_rule(rule).items():
            problems += [f"{who}: {field}: {one}" for one in found]
    return problems or _problems_between(rules)


def _problems_between(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    problems = []
    for field, spoken in (("name", "called"), ("key", "with the key")):
        counted = Counter(rule[field] for rule in rules)
        problems += [
            f"{count} rules are {spoken} “{value}”." for value, count in counted.items() if count > 1
        ]
    return problems


Check = Callable[[Any], Iterator[str]]


def _text(longest: int, *, needed: bool = False) -> Check:
    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, str):
            yield "Text is needed."
        elif needed and not value.strip():
            yield "It must not be empty."
        elif len(value) > longest:
            yield f"{len(value)} characters are too many; at most {longest}."
        elif "\x00" in value:
            yield "It holds a character that cannot be stored."

    return check


def _one_of(choices: type[StrEnum]) -> Check:
    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, str) or value not in list(choices):
            yield f"One of {', '.join(choices)} is needed."

    return check


def _fitting(pattern: re.Pattern[str], words: str) -> Check:
    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield words

    return check


def _whole(low: int, high: int, *, may_be_empty: bool = False) -> Check:
    def check(value: Any) -> Iterator[str]:
        if value is None and may_be_empty:
            return
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            yield f"A whole number from {low} to {high} is needed."

    return check


def _yes_or_no(value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield "Yes or no is needed."


def _list_of(check_one: Callable[[str], bool], words: str) -> Check:
    def check(value: Any) -> Iterator[str]:
        if not isinstance(value, list) or not all(isinstance(one, str) and check_one(one) for one in value):
            yield words
        elif len(value) > MOST_NAMES:
            yield f"{len(value)} are too many; at most {MOST_NAMES}."

    return check


def _role_overrides(value: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield "A list of role overrides is needed."
        return
    for number, one in enumerate(value, start=1):
        if not isinstance(one, Mapping) or set(one) != {"role", "series"}:
            yield f'Override {number}: needs exactly "role" and "series".'
        elif one["role"] not in list(Role):
            yield f"Override {number}: unknown role; known are {', '.join(Role)}."
        elif one["series"] == []:
            yield f"Override {number}: without a condition it would name every series."
        else:
            found = problems_in_conditions(one["series"], series_only=True)
            yield from (f"Override {number}: {problem}" for problem in found or _circular(one["series"]))


def _circular(conditions: Any) -> list[str]:
    asks_role = '"tag": "Role' in repr(conditions).replace("'", '"')
    return ["a role cannot be told by the role itself."] if asks_role else []


CHECKS: dict[str, Check] = {
    "key": _fitting(KEY, "Small letters, digits and hyphens are needed, at most 32."),
    "name": _text(100, needed=True),
    "enabled": _yes_or_no,
    "owner": _text(150),
    "comment": _text(2000),
    "conditions": lambda value: iter(problems_in_conditions(value)),
    "model": _text(64),
    "phase": _one_of(Phase),
    "urgency": _one_of(Urgency),
    "off_peak_from": _fitting(CLOCK, "A time such as 19:00 is needed."),
    "off_peak_to": _fitting(CLOCK, "A time such as 06:00 is needed."),
    "priority": _whole(-900, 900),
    "wait_hours": _whole(0, LONGEST_WAIT_H, may_be_empty=True),
    "after_wait": _one_of(AfterWait),
    "quality_policy": _one_of(Quality),
    "raises_alert": _yes_or_no,
    "destinations": lambda value: iter(problems_in_destinations(value)),
    "notify": _list_of(lambda one: EMAIL.fullmatch(one) is not None, "Mail addresses are needed."),
    "role_overrides": _role_overrides,
}
