"""Nested conditions, numbers, dates, patterns, roles; what no one can evaluate is refused in words, and quickly."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orthanc.types import Role
from review.routing import explain, find_rule, read_conditions, roles_by_rule, rule_from
from review.routing_conditions import COMPARISONS, Comparison, Group, Join, holds
from review.routing_documents import complete, problems_in_rule, problems_in_rule_set
from review.routing_facts import StudyFacts
from review.routing_reading import problems_in_conditions
from review.routing_tags import TAGS, Kind, Tag
from review.routing_words import sentence
from tests.review.factories import CT, FLAIR, FOUR, T1, T1CE, T2, THIN_T1CE, study_header

Json = dict[str, Any]


def ask(tag: str, test: str, value: object) -> Json:
    return {"tag": tag, "test": test, "value": value}


def fits(*conditions: Json, **fields: Any) -> bool:
    assert problems_in_conditions(list(conditions)) == []
    facts = StudyFacts(study_header(**fields))
    return all(holds(node, facts) for node in read_conditions(conditions))


IS_MR, IS_CT = ask("Modality", "equals", "MR"), ask("Modality", "equals", "CT")


@pytest.mark.parametrize(
    ("condition", "holds_here"),
    [
        ({"any": [IS_CT, IS_MR]}, True),
        ({"all": [IS_CT, IS_MR]}, False),
        ({"not": [IS_CT]}, True),
        ({"not": [IS_CT, IS_MR]}, False),
        ({"not": [{"not": [IS_MR]}]}, True),
        (ask("SliceThickness", "between", [4, 6]), True),
        (ask("SliceThickness", "between", [None, 1]), False),
        (ask("InversionTime", "between", ["2000", ""]), True),
        (ask("PatientAge", "between", [18, None]), True),
        (ask("PatientAge", "between", [None, 17]), False),
        (ask("StudyDate", "between", ["2026-01-10", None]), True),
        (ask("StudyDate", "between", ["2026-01-11", None]), False),
        (ask("NumberOfSeries", "between", [4, 4]), True),
        (ask("SeriesDescription", "matches", r"t[12] .*(gad|\+c)$"), True),
        (ask("SeriesDescription", "matches", r"^gad"), False),
        (ask("Role", "equals", "t1ce"), True),
        (ask("Role", "equals", "none"), False),
        (ask("RoleConfidence", "between", [0.995, None]), False),
        (ask("Phase", "equals", "unknown"), True),
    ],
)
def test_a_condition_holds_as_its_words_say(condition: Json, holds_here: bool) -> None:
    assert fits(condition) is holds_here


def test_one_series_must_have_all_that_is_asked_of_it() -> None:
    thick_flair = [ask("Role", "equals", "FLAIR"), ask("SliceThickness", "between", [4, None])]
    both = [ask("Role", "equals", "FLAIR"), ask("InversionTime", "between", [None, 1000])]
    assert fits({"one_series": thick_flair})
    thin_t1 = {"series": (T1, T2, FLAIR, THIN_T1CE)}
    assert fits(*both, **thin_t1)  # one is FLAIR, another has a short inversion time
    assert not fits({"one_series": both}, **thin_t1)


@pytest.mark.parametrize(
    ("description", "phase"),
    [
        ("MRI BRAIN POST-OP", "postop"),
        ("Brain tumour follow-up", "postop"),
        ("s/p resection", "postop"),
        ("BRAIN PREOP STEALTH", "preop"),
        ("MRI BRAIN", "unknown"),
        ("PREOP AND POSTOP", "unknown"),
    ],
)
def test_the_phase_is_read_from_the_words(description: str, phase: str) -> None:
    assert fits(ask("Phase", "equals", phase), description=description)


def test_a_date_that_is_missing_fits_no_bounds() -> None:
    assert not fits(ask("StudyDate", "between", [None, "2030-01-01"]), study_date="")


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a|aa)*b", r"(.*)*x", r"(([a-z])+.)+[A-Z]([a-z])+$", r"(?:a?){50}a{50}"]
)
def test_a_pattern_that_stalls_other_engines_is_answered_at_once(pattern: str) -> None:
    start = time.perf_counter()
    if not problems_in_conditions([ask("SeriesDescription", "matches", pattern)]):
        fits(
            ask("SeriesDescription", "matches", pattern),
            series=(replace(T1, description="a" * 200_000 + "!"),),
        )
    # A backtracking engine needs longer than the age of the universe for the first of these.
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (ask("SeriesDescription", "matches", "(?=x)"), "is refused"),
        (ask("SeriesDescription", "matches", r"(a)\1"), "can stall"),
        (ask("SeriesDescription", "matches", "("), "missing )"),
        (ask("SeriesDescription", "matches", "x{1000}{1000}"), "is refused"),
        (ask("SeriesDescription", "matches", "(((x{30}){30}){30}){30}"), "is refused"),
        (ask("SeriesDescription", "matches", "é" * 501), "501 characters"),
        (ask("SeriesDescription", "between", [1, 2]), "cannot be asked with “between”"),
        (ask("SliceThickness", "contains", "5"), "cannot be asked with “contains”"),
        (ask("SliceThickness", "between", [5, 1]), "above the upper"),
        (ask("SliceThickness", "between", ["1e999", None]), "numbers up to"),
        (ask("SliceThickness", "between", [True, None]), "numbers up to"),
        (ask("SliceThickness", "between", [10**400, None]), "numbers up to"),
        (ask("SliceThickness", "between", [None, None]), "two bounds"),
        (ask("SliceThickness", "between", "1"), "two bounds"),
        (ask("StudyDate", "between", ["2026-02-30", None]), "dates"),
        (ask("Role", "equals", "T3"), "unknown value 'T3'"),
        (ask("StudyDescription", "equals", 7), "must be text"),
        (ask("StudyDescription", "equals", "a\x00"), "no header has"),
        ({"any": []}, "at least one condition"),
        ({"any": "x"}, "at least one condition"),
        ({"xor": [IS_MR]}, "unknown group 'xor'"),
        ({"one_series": [ask("StudyDescription", "equals", "x")]}, "no word of a series"),
        ({"one_series": [{"one_series": [IS_MR]}]}, "unknown group 'one_series'"),
        ({"not": [{"not": [{"not": [{"not": [{"not": [IS_MR]}]}]}]}]}, "more than 5 deep"),
    ],
)
def test_what_no_one_can_evaluate_is_refused_with_the_reason(condition: Json, words: str) -> None:
    assert words in " ".join(problems_in_conditions([condition]))


def test_too_many_conditions_are_refused_also_when_they_hide_in_groups() -> None:
    many = [{"any": [IS_MR] * 60}, {"any": [IS_MR] * 60}]
    assert "122 conditions are too many" in problems_in_conditions(many)[0]


texts = st.sampled_from(["MR", "CT", "flair", "t1", "brain", "zzz"])
leaves = st.builds(
    ask,
    st.sampled_from([tag.value for tag, facts in TAGS.items() if facts.kind is Kind.TEXT]),
    st.sampled_from([test.value for test in COMPARISONS[Kind.TEXT]]),
    texts,
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda join, nodes: {join: nodes},
        st.sampled_from(["all", "any", "not"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(trees)
def test_not_turns_every_answer_around_and_not_not_changes_nothing(tree: Json) -> None:
    facts = StudyFacts(study_header())
    (node,) = read_conditions([tree])
    once, twice = Group(Join.NOT, (node,)), Group(Join.NOT, (Group(Join.NOT, (node,)),))
    assert holds(once, facts) is not holds(node, facts)
    assert holds(twice, facts) is holds(node, facts)


@given(st.lists(trees, min_size=1, max_size=6), st.data())
def test_the_first_rule_that_fits_decides_whatever_the_order(
    conditions: list[Json], data: st.DataObject
) -> None:
    rules = [
        rule_from(complete({"name": f"R{place}", "conditions": [one]}), place)
        for place, one in enumerate(conditions)
    ]
    shuffled = data.draw(st.permutations(rules))
    study = study_header(*FOUR, CT)
    fitting = [rule for rule in shuffled if find_rule([rule], study).rule]
    assert find_rule(shuffled, study).rule == (fitting[0] if fitting else None)
    told = explain(shuffled, StudyFacts(study))
    assert [one.rule for one in told if one.holds] == fitting


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(complete({}))), json_values, max_size=4))
def test_any_json_is_taken_or_refused_but_never_breaks(values: Json) -> None:
    if not problems_in_rule({"key": "k", "name": "N", **values}):
        sentence({"key": "k", "name": "N", **values})
    assert isinstance(problems_in_rule_set([values]), list)


@given(trees)
def test_every_valid_condition_has_a_sentence(tree: Json) -> None:
    assert problems_in_conditions([tree]) == []
    assert sentence({"name": "N", "conditions": [tree]}).startswith("Studies where ")


def test_a_sentence_says_all_that_a_rule_does() -> None:
    rule = {
        "name": "Brain",
        "conditions": [IS_MR, ask("SeriesDescription", "not contains", "spine|knee")],
        "role_overrides": [{"role": "FLAIR", "series": [ask("SeriesDescription", "equals", "TIRM DARK")]}],
        "urgency": "off_peak",
        "phase": "postop",
        "wait_hours": 6,
        "after_wait": "discard",
        "destinations": ["PACS"],
        "notify": ["ada@example.org"],
    }
    assert sentence(rule) == (
        "Studies where a modality is “MR” and no series description contains “spine” or “knee” go to the active "
        "model as after surgery between 19:00 and 06:00, after all others. A series whose series description is "
        "“TIRM DARK” is FLAIR here. Missing series are waited for (6 hours), then discarded. Results are sent to "
        "PACS. Alerts also go to ada@example.org."
    )


def test_an_override_gives_the_role_with_the_rule_as_its_reason() -> None:
    renamed = replace(FLAIR, description="Space dark", protocol_name="x")
    rule = rule_from(
        complete(
            {
                "name": "R",
                "role_overrides": [
                    {"role": "FLAIR", "series": [ask("SeriesDescription", "contains", "dark")]}
                ],
            }
        ),
        1,
    )
    told = roles_by_rule(rule, [T1, T2, renamed, T1CE])
    assert set(told) == {renamed.series_uid}
    guess = told[renamed.series_uid]
    assert (guess.role, guess.reason) == (Role.FLAIR, "rule “R”: SeriesDescription contains dark is FLAIR")


def overriding(*conditions: Json) -> Json:
    return {"role_overrides": [{"role": "FLAIR", "series": list(conditions)}]}


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": " "}, "name", "must not be empty"),
        ({"name": "x" * 101}, "name", "101 characters"),
        ({"enabled": "yes"}, "enabled", "Yes or no"),
        ({"urgency": "now"}, "urgency", "urgent, normal, off_peak"),
        ({"off_peak_from": "25:00"}, "off_peak_from", "19:00"),
        ({"wait_hours": -1}, "wait_hours", "0 to 8760"),
        ({"wait_hours": 10**40}, "wait_hours", "0 to 8760"),
        ({"priority": 1.5}, "priority", "whole number"),
        ({"notify": ["not an address"]}, "notify", "Mail addresses"),
        ({"destinations": "PACS"}, "destinations", "modality names"),
        (overriding(), "role_overrides", "every series"),
        (overriding(ask("Role", "equals", "T1")), "role_overrides", "by the role itself"),
        (overriding(ask("PatientID", "equals", "1")), "role_overrides", "no word of a series"),
        ({"__class__": 1}, "__class__", "Unknown field"),
    ],
)  # fmt: skip
def test_wrong_fields_are_named_with_what_is_needed(values: Json, field: str, words: str) -> None:
    problems = problems_in_rule({"key": "k", "name": "N", **values})
    assert set(problems) == {field}
    assert words in " ".join(problems[field])


def test_two_rules_of_one_name_or_key_are_refused() -> None:
    twice = complete({"key": "k", "name": "N"})
    assert problems_in_rule_set([twice, twice]) == [
        "2 rules are called “N”.",
        "2 rules are with the key “k”.",
    ]


def test_every_tag_can_be_read_of_every_study_and_asked_in_some_way() -> None:
    facts = StudyFacts(study_header())
    for tag in Tag:
        facts.values(tag)
        assert facts.shown(tag)
        assert COMPARISONS[TAGS[tag].kind]
    assert {one for tests in COMPARISONS.values() for one in tests} == set(Comparison)
