"""A rule in a sentence that anybody can check, made of the stored values alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orthanc.types import Role
from review.routing_conditions import Comparison, Condition, Group, Join, Node, bounds_words
from review.routing_documents import AfterWait, Quality, Urgency, complete
from review.routing_reading import read_conditions
from review.routing_tags import TAGS
from segmentation.types import Phase

TEST_WORDS = {
    Comparison.EQUALS: "is",
    Comparison.NOT_EQUALS: "is not",
    Comparison.CONTAINS: "contains",
    Comparison.NOT_CONTAINS: "does not contain",
    Comparison.STARTS_WITH: "starts with",
    Comparison.MATCHES: "matches the pattern",
    Comparison.BETWEEN: "is",
}
PHASE_WORDS = {Phase.PREOP: "as before surgery", Phase.POSTOP: "as after surgery", Phase.UNKNOWN: ""}
QUALITY_WORDS = {
    Quality.STANDARD: "",
    Quality.STOP: "Any failed quality gate stops them.",
    Quality.WARN: "Failed quality gates only warn.",
}


def sentence(rule: Mapping[str, Any]) -> str:
    """The whole rule in plain words, for example "Studies where modality is MR go to the active model."."""
    document = complete(rule)
    parts = [
        f"{_who(read_conditions(document['conditions']))} {_work(document)}.",
        *(_override(one) for one in document["role_overrides"]),
        _waiting(document),
        _ends(document),
    ]
    return " ".join(part for part in parts if part)


def _who(conditions: Sequence[Node]) -> str:
    if not conditions:
        return "Every study"
    return f"Studies where {' and '.join(condition_words(one) for one in conditions)}"


def condition_words(node: Node, article: str = "a ") -> str:
    """One condition or group in plain words; `article` goes before the name of a word of series."""
    if isinstance(node, Group):
        return _group_words(node, article)
    facts = TAGS[node.tag]
    name = f"{article if facts.of_series else 'the '}{facts.spoken}"
    if article and node.test in (Comparison.NOT_EQUALS, Comparison.NOT_CONTAINS) and facts.of_series:
        name = f"no {facts.spoken}"
    if isinstance(node.value, tuple):
        return f"{name} is {bounds_words(node.value, facts.unit)}"
    return f"{name} {_test_words(node, article)} {_quoted(node)}"


def _test_words(condition: Condition, article: str) -> str:
    if article and TAGS[condition.tag].of_series:
        # "no series description contains": the negation is in the name.
        if condition.test is Comparison.NOT_EQUALS:
            return "is"
        if condition.test is Comparison.NOT_CONTAINS:
            return "contains"
    return TEST_WORDS[condition.test]


def _quoted(condition: Condition) -> str:
    value = str(condition.value)
    words = [value] if condition.test is Comparison.MATCHES else value.split("|")
    return " or ".join(f"“{word.strip()}”" for word in words)


def _group_words(group: Group, article: str) -> str:
    inner = [condition_words(one, article) for one in group.nodes]
    if group.join is Join.ALL:
        return f"({' and '.join(inner)})"
    if group.join is Join.ANY:
        return f"({' or '.join(inner)})"
    if group.join is Join.NOT:
        return f"it is not so that {' or '.join(inner)}"
    return f"one and the same series has ({' and '.join(inner)})"


def _work(document: Mapping[str, Any]) -> str:
    model = f"the model {document['model']}" if document["model"] else "the active model"
    words = [f"go to {model}", PHASE_WORDS[Phase(document["phase"])], _when(document)]
    return " ".join(word for word in words if word).replace("Every study go", "Every study goes")


def _when(document: Mapping[str, Any]) -> str:
    if document["urgency"] == Urgency.URGENT:
        return "before all others"
    if document["urgency"] == Urgency.OFF_PEAK:
        return f"between {document['off_peak_from']} and {document['off_peak_to']}, after all others"
    return ""


def _override(override: Mapping[str, Any]) -> str:
    conditions = " and whose ".join(condition_words(one, "") for one in read_conditions(override["series"]))
    if override["role"] == Role.NONE:
        return f"A series whose {conditions} is never used."
    return f"A series whose {conditions} is {override['role']} here."


def _waiting(document: Mapping[str, Any]) -> str:
    hours = document["wait_hours"]
    until = "the site's time" if hours is None else f"{hours} hour{'' if hours == 1 else 's'}"
    after = {
        AfterWait.ALERT: "then listed as incomplete, with an alert",
        AfterWait.GIVE_UP: "then listed as incomplete, without an alert",
        AfterWait.DISCARD: "then discarded",
    }[AfterWait(document["after_wait"])]
    return f"Missing series are waited for ({until}), {after}."


def _ends(document: Mapping[str, Any]) -> str:
    places = document["destinations"]
    parts = [
        QUALITY_WORDS[Quality(document["quality_policy"])],
        f"Results are sent to {' and '.join(places)}." if places else "",
        "" if document["raises_alert"] else "Studies that fail raise no alert.",
        f"Alerts also go to {', '.join(document['notify'])}." if document["notify"] else "",
    ]
    return " ".join(part for part in parts if part)
