"""Conditions of a rule: questions about header words, joined by all, any and not. Pure; nothing is evaluated as code.

Patterns run on RE2, whose time grows only with the length of the text: no pattern can stall a scanner's study.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import re2

from review.routing_facts import StudyFacts, Value
from review.routing_tags import TAGS, Kind, Tag

PATTERN_MEMORY_BYTES = 1 << 20


class Comparison(StrEnum):
    """How a value is compared; upper and lower case count alike. Several texts are separated by |."""

    EQUALS = "equals"
    NOT_EQUALS = "not equals"
    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    STARTS_WITH = "starts with"
    MATCHES = "matches"
    BETWEEN = "between"


NEGATIVE = {Comparison.NOT_EQUALS: Comparison.EQUALS, Comparison.NOT_CONTAINS: Comparison.CONTAINS}

COMPARISONS: dict[Kind, tuple[Comparison, ...]] = {
    Kind.TEXT: tuple(one for one in Comparison if one is not Comparison.BETWEEN),
    Kind.NUMBER: (Comparison.BETWEEN,),
    Kind.DATE: (Comparison.BETWEEN,),
    Kind.CHOICE: (Comparison.EQUALS, Comparison.NOT_EQUALS),
}
"""What can be asked of each kind of value."""

Bounds = tuple[Value | None, Value | None]


@dataclass(frozen=True, slots=True)
class Condition:
    """One question. `value` is text, or for `between` the two bounds, either of which may be None (open)."""

    tag: Tag
    test: Comparison
    value: str | Bounds
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every rule looks its answers up by the question: the hash is worked out once, not at every look.
        object.__setattr__(self, "_hash", hash((self.tag, self.test, self.value)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            return f"{self.tag} {bounds_words(self.value, TAGS[self.tag].unit)}"
        return f"{self.tag} {self.test} {_alternatives(self)}"


class Join(StrEnum):
    """How the conditions of a group are joined. A group of one series asks all of one and the same series."""

    ALL = "all"
    ANY = "any"
    NOT = "not"
    ONE_SERIES = "one_series"


JOIN_WORDS = {Join.ALL: "all of", Join.ANY: "any of", Join.NOT: "none of", Join.ONE_SERIES: "one series with"}


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined; `not` holds when none of them does."""

    join: Join
    nodes: tuple[Node, ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.join, self.nodes)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{JOIN_WORDS[self.join]} ({'; '.join(str(one) for one in self.nodes)})"


Node = Condition | Group


def holds(node: Node, facts: StudyFacts) -> bool:
    """Whether a condition or group holds for a study; what several rules ask is worked out once."""
    known = facts.answers.get(node)
    if known is None:
        known = _condition(node, facts) if isinstance(node, Condition) else _group(node, facts)
        facts.answers[node] = known
    return known


def tags_in(node: Node) -> frozenset[Tag]:
    """The tags that a condition or group asks about."""
    if isinstance(node, Condition):
        return frozenset({node.tag})
    return frozenset().union(*map(tags_in, node.nodes))


def _group(group: Group, facts: StudyFacts) -> bool:
    if group.join is Join.ALL:
        return all(holds(one, facts) for one in group.nodes)
    if group.join is Join.ONE_SERIES:
        return any(all(holds(one, alone) for one in group.nodes) for alone in facts.each_series())
    found = any(holds(one, facts) for one in group.nodes)
    return found if group.join is Join.ANY else not found


def _condition(condition: Condition, facts: StudyFacts) -> bool:
    found = any(map(_tester(condition), facts.values(condition.tag)))
    return not found if condition.test in NEGATIVE else found


@lru_cache(maxsize=4096)
def _tester(condition: Condition) -> Callable[[Value], bool]:
    """What one value must pass; for a negative test, what none may pass."""
    if isinstance(condition.value, tuple):
        return _between(condition.value)
    test = NEGATIVE.get(condition.test, condition.test)
    if test is Comparison.MATCHES:
        pattern = compile_pattern(condition.value)
        # A site's descriptions are few and come again with every study.
        return lru_cache(maxsize=1024)(lambda value: pattern.search(str(value)) is not None)
    wanted = tuple(one.strip().casefold() for one in condition.value.split("|"))
    if test is Comparison.EQUALS:
        return frozenset(wanted).__contains__
    if test is Comparison.CONTAINS:
        return lambda value: any(one in str(value) for one in wanted)
    return lambda value: str(value).startswith(wanted)


def _between(bounds: Bounds) -> Callable[[Value], bool]:
    low, high = bounds

    def fits(value: Value) -> bool:
        # Dates are compared as YYYYMMDD, an absent one is an empty text and fits nothing.
        if value == "":
            return False
        return (low is None or value >= low) and (high is None or value <= high)  # type: ignore[operator]

    return fits


def compile_pattern(pattern: str) -> re2._Regexp:
    """A regular expression in RE2's syntax: no look-around and no back-references, but never slow.

    Raises:
        re2.error: it is none, or too large.
    """
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY_BYTES
    return re2.compile(pattern, options)


def bounds_words(bounds: Bounds, unit: str = "") -> str:
    """Bounds for people: "between 1 and 3 mm", "at least 1 mm", "at most 3 mm"."""
    low, high = (None if one is None else _bound(one) for one in bounds)
    end = f" {unit}" if unit else ""
    if low is None:
        return f"at most {high}{end}"
    return f"at least {low}{end}" if high is None else f"between {low} and {high}{end}"


def _bound(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"


def _alternatives(condition: Condition) -> str:
    text = str(condition.value)
    return text if condition.test is Comparison.MATCHES else text.replace("|", " or ")
