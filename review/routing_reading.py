"""Stored conditions (plain JSON) to values, and what is wrong with them in words for the admin. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import re2

from review.routing_conditions import (
    COMPARISONS,
    Bounds,
    Comparison,
    Condition,
    Group,
    Join,
    Node,
    Value,
    compile_pattern,
)
from review.routing_tags import TAGS, Kind, Tag

LONGEST_VALUE = 500
DEEPEST = 5
MOST_CONDITIONS = 100
LARGEST_NUMBER = 1e9


def problems_in_conditions(conditions: object, *, series_only: bool = False) -> list[str]:
    """What is wrong with stored conditions, in words for the admin who typed them; empty when all is well.

    `series_only` refuses what does not ask about a series.
    """
    if not isinstance(conditions, list):
        return ["A list of conditions is needed."]
    problems = []
    if (count := _count(conditions)) > MOST_CONDITIONS:
        return [f"{count} conditions are too many for one rule; at most {MOST_CONDITIONS}."]
    for number, node in enumerate(conditions, start=1):
        problems += [f"Condition {number}: {problem}" for problem in _problems(node, 1, series_only)]
    return problems


def _count(nodes: list[object]) -> int:
    """How many conditions and groups there are, groups within groups down to the depth that is allowed."""
    level, total = list(nodes), 0
    for _ in range(DEEPEST + 1):
        total += len(level)
        inner = [one.values() for one in level if isinstance(one, Mapping) and len(one) == 1]
        level = [node for values in inner for one in values if isinstance(one, list) for node in one]
    return total


def _problems(node: object, depth: int, series_only: bool) -> Iterator[str]:
    if isinstance(node, Mapping) and len(node) == 1:
        yield from _problems_in_group(node, depth, series_only)
    elif not isinstance(node, Mapping) or set(node) != {"tag", "test", "value"}:
        yield 'needs exactly "tag", "test" and "value", or a group such as {"any": [...]}.'
    else:
        yield from _problems_in_condition(node, series_only)


def _problems_in_group(group: Mapping[Any, Any], depth: int, series_only: bool) -> Iterator[str]:
    (join, nodes), *_ = group.items()
    if join not in list(Join) or (series_only and join == Join.ONE_SERIES):
        known = [one for one in Join if not (series_only and one is Join.ONE_SERIES)]
        yield f"unknown group {join!r}; known are {', '.join(known)}."
    elif depth >= DEEPEST:
        yield f"groups lie more than {DEEPEST} deep."
    elif not isinstance(nodes, list) or not nodes:
        yield f"the group “{join}” needs a list of at least one condition."
    else:
        asks_series = series_only or join == Join.ONE_SERIES
        for number, node in enumerate(nodes, start=1):
            for problem in _problems(node, depth + 1, asks_series):
                yield f"{join} {number}: {problem}"


def _problems_in_condition(condition: Mapping[Any, Any], series_only: bool) -> Iterator[str]:
    tag, test = condition["tag"], condition["test"]
    if tag not in list(Tag):
        yield f"unknown tag {_short(tag)}; known are {', '.join(Tag)}."
    elif series_only and not TAGS[Tag(tag)].of_series:
        yield f"{tag} is no word of a series."
    if test not in list(Comparison):
        yield f"unknown test {_short(test)}; known are {', '.join(Comparison)}."
    elif tag in list(Tag) and test not in COMPARISONS[TAGS[Tag(tag)].kind]:
        yield f"{tag} cannot be asked with “{test}”; possible: {', '.join(COMPARISONS[TAGS[Tag(tag)].kind])}."
    elif test == Comparison.BETWEEN:
        yield from _problems_in_bounds(condition["value"], _kind(tag))
    else:
        yield from _problems_in_text(tag, test, condition["value"])


def _problems_in_text(tag: object, test: str, value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield "the value must be text and not empty."
    elif len(value) > LONGEST_VALUE:
        yield f"the value has {len(value)} characters; at most {LONGEST_VALUE}."
    elif "\x00" in value:
        yield "the value holds a character that no header has."
    elif test == Comparison.MATCHES:
        yield from _problems_in_pattern(value)
    elif not all(word.strip() for word in value.split("|")):
        yield "the value must be text and not empty."
    elif _kind(tag) is Kind.CHOICE:
        known = TAGS[Tag(str(tag))].choices
        folded = {one.casefold() for one in known}
        if any(word.strip().casefold() not in folded for word in value.split("|")):
            yield f"unknown value {_short(value)}; known are {', '.join(known)}."


def _problems_in_pattern(value: str) -> Iterator[str]:
    if not value.strip():
        yield "the value must be text and not empty."
        return
    try:
        compile_pattern(value)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        yield (
            f"the pattern {_short(value)} is refused: {words}. "
            "Look-around and back-references are not known here, because they can stall."
        )


def _problems_in_bounds(value: object, kind: Kind | None) -> Iterator[str]:
    if not isinstance(value, list | tuple) or len(value) != 2 or all(one in (None, "") for one in value):
        yield "“between” needs two bounds, of which one may be left out."
        return
    read = _bounds if kind is Kind.DATE else _numbers
    try:
        low, high = read(value)
    except (ValueError, TypeError, OverflowError):
        what = "dates (2026-11-25)" if kind is Kind.DATE else f"numbers up to {LARGEST_NUMBER:g}"
        yield f"the bounds must be {what}, not {_short(value)}."
        return
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        yield "the lower bound is above the upper one."


def _kind(tag: object) -> Kind | None:
    return TAGS[Tag(tag)].kind if isinstance(tag, str) and tag in list(Tag) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def read_conditions(conditions: Iterable[Mapping[str, Any]]) -> tuple[Node, ...]:
    """Stored conditions as values.

    Raises:
        ValueError: a condition is not valid; `problems_in_conditions` says what is wrong.
    """
    return tuple(_read(one) for one in conditions)


def _read(node: Mapping[str, Any]) -> Node:
    if len(node) == 1:
        (join, nodes), *_ = node.items()
        return Group(Join(join), read_conditions(nodes))
    tag, test = Tag(node["tag"]), Comparison(node["test"])
    if test is not Comparison.BETWEEN:
        return Condition(tag, test, str(node["value"]))
    return Condition(tag, test, (_bounds if TAGS[tag].kind is Kind.DATE else _numbers)(node["value"]))


def _numbers(value: Iterable[object]) -> Bounds:
    low, high = (None if one in (None, "") else _number(one) for one in value)
    return low, high


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    number = float(value)
    if not math.isfinite(number) or abs(number) > LARGEST_NUMBER:
        raise ValueError(value)
    return number


def _bounds(value: Iterable[object]) -> Bounds:
    low, high = (None if one in (None, "") else _date(one) for one in value)
    return low, high


def _date(value: object) -> Value:
    return f"{datetime.strptime(str(value), '%Y-%m-%d'):%Y%m%d}"
