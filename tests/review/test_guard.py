"""What headers say that the models were never tried on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from review.guard import findings
from tests.review.factories import FLAIR, FOUR, OUR_SEG, T1CE, study_header


def codes(**fields: str) -> list[str]:
    return [one.code for one in findings(study_header(**fields))]


def test_an_adult_with_a_glioma_protocol_is_what_the_models_are_for() -> None:
    assert codes() == []


@pytest.mark.parametrize(
    ("born", "seen", "found"),
    [
        ("20080111", "20260110", ["paediatric"]),
        ("20080110", "20260110", []),
        ("20200101", "20260110", ["paediatric"]),
        ("", "20260110", []),
        ("20270101", "20260110", []),
        ("19000230", "20260110", []),
    ],
)
def test_a_patient_is_a_child_until_the_eighteenth_birthday(born: str, seen: str, found: list[str]) -> None:
    assert codes(birth_date=born, study_date=seen) == found


@pytest.mark.parametrize(
    ("age", "found"),
    [("004Y", ["paediatric"]), ("030M", ["paediatric"]), ("017Y", ["paediatric"]), ("018Y", []), ("", [])],
)
def test_a_study_without_birth_date_is_judged_by_its_age(age: str, found: list[str]) -> None:
    series = (replace(FLAIR, patient_age=age), T1CE)
    assert [one.code for one in findings(study_header(*series, birth_date=""))] == found


@pytest.mark.parametrize(
    ("operated_on", "is_postoperative", "found"),
    [
        (date(2026, 1, 9), False, ["early_postoperative"]),
        (date(2026, 1, 8), False, ["early_postoperative"]),
        (date(2026, 1, 7), True, []),
        (date(2026, 1, 10), True, ["early_postoperative"]),
        (date(2026, 1, 10), False, []),
        (date(2026, 1, 11), True, []),
    ],
)
def test_a_scan_within_two_days_of_a_noted_operation_is_early(
    operated_on: date, is_postoperative: bool, found: list[str]
) -> None:
    said = findings(study_header(), [operated_on], is_postoperative=is_postoperative)
    assert [one.code for one in said] == found


@pytest.mark.parametrize(
    ("description", "code"),
    [
        ("MRI BRAIN METS", "metastasis"),
        ("Schädel Metastasensuche", "metastasis"),
        ("IRM cérébrale métastases", "metastasis"),
        ("MENINGIOMA FOLLOW UP", "meningioma"),
        ("Verlauf Meningeom", "meningioma"),
        ("MRI BRAIN AVM", "vascular_malformation"),
        ("MRT Schädel Kavernom", "vascular_malformation"),
        ("MRI PITUITARY W WO", "pituitary"),
        ("RM HIPÓFISIS", "pituitary"),
        ("iMRI craniotomy", "intraoperative"),
        ("INTRA-OP MRI BRAIN", "intraoperative"),
        ("intraoperative MRT", "intraoperative"),
        ("MRI BRAIN POD 1", "early_postoperative"),
        ("MRI BRAIN POST OP DAY 0", "early_postoperative"),
        ("Brain 24h post resection", "early_postoperative"),
        ("frühpostoperatives MRT", "early_postoperative"),
    ],
)
def test_descriptions_in_several_languages_name_what_was_not_validated(description: str, code: str) -> None:
    assert codes(description=description) == [code]


@pytest.mark.parametrize(
    "description",
    [
        "MRI BRAIN TUMOR",
        "POST OP GLIOMA 3 MONTHS",
        "MR METHIONINE",
        "AX T1 POST GAD",
        "MIMRI",
        "POD 10",
        "METSO",
    ],
)
def test_words_that_only_look_alike_say_nothing(description: str) -> None:
    assert codes(description=description) == []


def test_a_protocol_name_speaks_too_and_is_quoted() -> None:
    named = replace(T1CE, protocol_name="Brain_Mets_Stereotactic")
    found = findings(study_header(FLAIR, named))
    assert [one.code for one in found] == ["metastasis"]
    assert "Brain_Mets_Stereotactic" in found[0].words


def test_our_own_results_in_the_study_are_not_read() -> None:
    ours = replace(OUR_SEG, description="No metastases")
    assert findings(study_header(*FOUR, ours)) == ()
