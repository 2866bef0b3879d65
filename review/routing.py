"""Which rule wants a study: pure, on header values. Rules are data; nothing is ever evaluated as code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orthanc.types import SeriesHeader, StudyHeader


class Tag(StrEnum):
    """The header words that a condition may ask about. Those of series hold when any series fits."""

    STUDY_DESCRIPTION = "StudyDescription"
    INSTITUTION = "InstitutionName"
    CALLING_AET = "CallingAET"
    ACCESSION_NUMBER = "AccessionNumber"
    PATIENT_ID = "PatientID"
    PATIENT_SEX = "PatientSex"
    MODALITY = "Modality"
    SERIES_DESCRIPTION = "SeriesDescription"
    PROTOCOL_NAME = "ProtocolName"
    BODY_PART = "BodyPartExamined"
    MANUFACTURER = "Manufacturer"
    MANUFACTURER_MODEL = "ManufacturerModelName"


class Comparison(StrEnum):
    """How a header word is compared; upper and lower case count alike. Several values are separated by |."""

    EQUALS = "equals"
    NOT_EQUALS = "not equals"
    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    STARTS_WITH = "starts with"


NEGATIVE = {Comparison.NOT_EQUALS: Comparison.EQUALS, Comparison.NOT_CONTAINS: Comparison.CONTAINS}

_STUDY_FIELDS: dict[Tag, str] = {
    Tag.STUDY_DESCRIPTION: "description",
    Tag.INSTITUTION: "institution",
    Tag.CALLING_AET: "calling_aet",
    Tag.ACCESSION_NUMBER: "accession_number",
    Tag.PATIENT_ID: "patient_id",
    Tag.PATIENT_SEX: "sex",
}
_SERIES_FIELDS: dict[Tag, str] = {
    Tag.MODALITY: "modality",
    Tag.SERIES_DESCRIPTION: "description",
    Tag.PROTOCOL_NAME: "protocol_name",
    Tag.BODY_PART: "body_part",
    Tag.MANUFACTURER: "manufacturer",
    Tag.MANUFACTURER_MODEL: "manufacturer_model",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about a header word."""

    tag: Tag
    test: Comparison
    value: str

    def __str__(self) -> str:
        return f"{self.tag} {self.test} {self.value.replace('|', ' or ')}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A named set of conditions that must all hold. `key` is the caller's own handle."""

    key: int
    name: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rule that wants the study, or None; and why, in words for people."""

    rule: Rule | None
    reason: str


def problems_in_conditions(conditions: object) -> list[str]:
    """What is wrong with stored conditions, in words for the admin who typed them; empty when all is well."""
    if not isinstance(conditions, list):
        return ["A list of conditions is needed."]
    problems = []
    for number, condition in enumerate(conditions, start=1):
        problems += [f"Condition {number}: {problem}" for problem in _problems_in_condition(condition)]
    return problems


def _problems_in_condition(condition: object) -> list[str]:
    if not isinstance(condition, Mapping) or set(condition) != {"tag", "test", "value"}:
        return ['needs exactly "tag", "test" and "value".']
    problems = []
    if condition["tag"] not in list(Tag):
        problems.append(f"unknown tag {condition['tag']!r}; known are {', '.join(Tag)}.")
    if condition["test"] not in list(Comparison):
        problems.append(f"unknown test {condition['test']!r}; known are {', '.join(Comparison)}.")
    if not isinstance(condition["value"], str) or not all(
        word.strip() for word in condition["value"].split("|")
    ):
        problems.append("the value must be text and not empty.")
    return problems


def read_conditions(conditions: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Stored conditions as values.

    Raises:
        ValueError: a condition is not valid; `problems_in_conditions` says what is wrong.
    """
    return tuple(Condition(Tag(one["tag"]), Comparison(one["test"]), str(one["value"])) for one in conditions)


def find_rule(rules: Sequence[Rule], study: StudyHeader) -> Verdict:
    """The first rule whose conditions all hold for the study; our own results in it are not looked at."""
    if not rules:
        return Verdict(None, "No routing rule is enabled.")
    series = tuple(one for one in study.series if not one.is_ours)
    refusals = []
    for rule in rules:
        failed = [one for one in rule.conditions if not _holds(one, study, series)]
        if not failed:
            return Verdict(rule, f"Wanted by rule “{rule.name}”.")
        refusals.append(f"“{rule.name}” needs {failed[0]}, here it is {_shown(failed[0].tag, study, series)}")
    return Verdict(None, f"No routing rule wants it: {'; '.join(refusals)}.")


def _words(tag: Tag, study: StudyHeader, series: Sequence[SeriesHeader]) -> list[str]:
    if tag in _STUDY_FIELDS:
        return [getattr(study, _STUDY_FIELDS[tag])]
    return [getattr(one, _SERIES_FIELDS[tag]) for one in series]


def _shown(tag: Tag, study: StudyHeader, series: Sequence[SeriesHeader]) -> str:
    words = list(dict.fromkeys(word for word in _words(tag, study, series) if word))
    shown = ", ".join(words[:4]) + (", …" if len(words) > 4 else "")
    return shown or "empty"


def _holds(condition: Condition, study: StudyHeader, series: Sequence[SeriesHeader]) -> bool:
    words = [word.strip().casefold() for word in _words(condition.tag, study, series)]
    wanted = [value.strip().casefold() for value in condition.value.split("|")]
    if positive := NEGATIVE.get(condition.test):
        return not any(_fits(positive, word, value) for word in words for value in wanted)
    return any(_fits(condition.test, word, value) for word in words for value in wanted)


def _fits(test: Comparison, word: str, value: str) -> bool:
    match test:
        case Comparison.EQUALS:
            return word == value
        case Comparison.CONTAINS:
            return value in word
        case _:
            return word.startswith(value)
