from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError

from orthanc.types import StudyHeader
from review.models import RoutingRule
from review.routing import Comparison, Condition, Rule, Tag, find_rule, problems_in_conditions
from tests.review.factories import CT, FOUR, OUR_SEG, T1, study_header


def rule(*conditions: Condition, key: int = 1, name: str = "R") -> Rule:
    return Rule(key, name, conditions)


IS_MR = Condition(Tag.MODALITY, Comparison.EQUALS, "MR")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (IS_MR, True),
        (Condition(Tag.MODALITY, Comparison.EQUALS, "mr "), True),
        (Condition(Tag.MODALITY, Comparison.EQUALS, "CT"), False),
        (Condition(Tag.MODALITY, Comparison.EQUALS, "CT|MR"), True),
        (Condition(Tag.MODALITY, Comparison.NOT_EQUALS, "CT"), True),
        (Condition(Tag.MODALITY, Comparison.NOT_EQUALS, "CT|MR"), False),
        (Condition(Tag.SERIES_DESCRIPTION, Comparison.CONTAINS, "flair"), True),
        (Condition(Tag.SERIES_DESCRIPTION, Comparison.CONTAINS, "spine"), False),
        (Condition(Tag.SERIES_DESCRIPTION, Comparison.NOT_CONTAINS, "spine|knee"), True),
        (Condition(Tag.SERIES_DESCRIPTION, Comparison.NOT_CONTAINS, "flair"), False),
        (Condition(Tag.STUDY_DESCRIPTION, Comparison.STARTS_WITH, "mri brain"), True),
        (Condition(Tag.STUDY_DESCRIPTION, Comparison.STARTS_WITH, "brain"), False),
        (Condition(Tag.INSTITUTION, Comparison.CONTAINS, "north"), False),
        (Condition(Tag.PATIENT_SEX, Comparison.EQUALS, "F"), True),
        (Condition(Tag.ACCESSION_NUMBER, Comparison.STARTS_WITH, "ACC"), True),
    ],
)
def test_a_condition_holds_as_its_words_say(condition: Condition, holds: bool) -> None:
    assert (find_rule([rule(condition)], study_header()).rule is not None) == holds


def test_all_conditions_of_a_rule_must_hold() -> None:
    never = Condition(Tag.BODY_PART, Comparison.EQUALS, "KNEE")
    assert find_rule([rule(IS_MR, never)], study_header()).rule is None


def test_a_rule_without_conditions_wants_everything() -> None:
    assert find_rule([rule()], StudyHeader(study_uid="1.2")).rule is not None


def test_the_first_rule_that_fits_decides() -> None:
    never = rule(Condition(Tag.MODALITY, Comparison.EQUALS, "PT"), key=1, name="first")
    verdict = find_rule([never, rule(IS_MR, key=2, name="second"), rule(IS_MR, key=3)], study_header())
    assert verdict.rule is not None
    assert (verdict.rule.key, verdict.reason) == (2, "Wanted by rule “second”.")


def test_a_refusal_names_the_condition_and_what_the_study_has() -> None:
    verdict = find_rule([rule(IS_MR, name="Brain MRI")], study_header(CT))
    assert verdict.reason == "No routing rule wants it: “Brain MRI” needs Modality equals MR, here it is CT."


def test_our_own_results_do_not_make_a_study_wanted() -> None:
    wants_seg = rule(Condition(Tag.MODALITY, Comparison.EQUALS, "SEG"))
    assert find_rule([wants_seg], study_header(*FOUR, OUR_SEG)).rule is None


def test_one_fitting_series_among_others_is_enough() -> None:
    assert find_rule([rule(IS_MR)], study_header(CT, T1)).rule is not None
    assert find_rule([rule(IS_MR)], study_header(CT, replace(CT, series_uid="9"))).rule is None


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"tag": "Modality"}, "A list"),
        ([{"tag": "Modality", "test": "equals"}], "needs exactly"),
        ([{"tag": "Weight", "test": "equals", "value": "1"}], "unknown tag 'Weight'"),
        ([{"tag": "Modality", "test": "resembles", "value": "M"}], "unknown test 'resembles'"),
        ([{"tag": "Modality", "test": "equals", "value": " "}], "not empty"),
        ([{"tag": "Modality", "test": "equals", "value": "MR|"}], "not empty"),
        ([{"tag": ["Modality"], "test": "equals", "value": "MR"}], "unknown tag"),
        (["__import__('os')"], "needs exactly"),
    ],
)
def test_conditions_that_no_one_can_evaluate_are_refused_with_the_reason(
    conditions: object, words: str
) -> None:
    assert words in " ".join(problems_in_conditions(conditions))


def test_a_rule_with_bad_conditions_or_destinations_does_not_pass_validation() -> None:
    bad = RoutingRule(name="bad", conditions=[{"tag": "x"}], destinations="PACS")
    with pytest.raises(ValidationError) as refused:
        bad.clean()
    assert set(refused.value.message_dict) == {"conditions", "destinations"}


@pytest.mark.django_db
def test_a_new_installation_wants_mr_studies() -> None:
    installed = RoutingRule.objects.get()
    assert find_rule([installed.as_rule()], study_header()).rule is not None
    assert find_rule([installed.as_rule()], study_header(CT)).rule is None
