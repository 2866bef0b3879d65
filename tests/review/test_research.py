"""Pseudonyms hold for a person, give nothing back without the key, and leave every interval of days true."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings as DjangoSettings

from review.cohort import timelines_seen
from review.course_facts import PatientKey
from review.models import Flag, IdentityLink, Result, Study, TreatmentEvent
from review.patients import key_of
from review.pseudonyms import MOST_SHIFT_DAYS, age_said, pseudonym_of
from review.research import RESEARCH_HEAD, research_rows
from tests.review.test_course import FIRST, make_visit, treat

ONE, OTHER = PatientKey("PAT-7"), PatientKey("PAT-8")


def test_a_person_keeps_one_pseudonym_whatever_the_order_of_the_linked_ids() -> None:
    assert pseudonym_of((ONE, OTHER)) == pseudonym_of((OTHER, ONE))
    elsewhere, alone = PatientKey("PAT-7", "OTHER HOUSE"), PatientKey("", "", "PAT-7")
    names = {pseudonym_of(one).name for one in [(ONE,), (OTHER,), (ONE, OTHER), (elsewhere,), (alone,)]}
    assert len(names) == 5


def test_another_key_gives_other_names_and_other_days(settings: DjangoSettings) -> None:
    people = [(PatientKey(f"P{number}"),) for number in range(20)]
    before = [pseudonym_of(one) for one in people]
    settings.PSEUDONYM_KEY = "another"
    after = [pseudonym_of(one) for one in people]
    assert not {one.name for one in before} & {one.name for one in after}
    assert [one.days_back for one in before] != [one.days_back for one in after]


@given(st.text(min_size=1, max_size=64), st.text(max_size=64))
def test_the_shift_is_a_year_at_most_and_a_name_holds_nothing_of_the_id(patient_id: str, issuer: str) -> None:
    person = pseudonym_of((PatientKey(patient_id, issuer),))
    assert 1 <= person.days_back <= MOST_SHIFT_DAYS
    assert person.moved(FIRST + timedelta(days=90)) - person.moved(FIRST) == timedelta(days=90)
    assert len(person.name) == 18


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        (date(1960, 5, 2), date(2020, 5, 1), 59),
        (date(1960, 5, 2), date(2020, 5, 2), 60),
        (date(1920, 1, 1), date(2020, 5, 2), 90),
        (date(2021, 1, 1), date(2020, 5, 2), None),
        (None, date(2020, 5, 2), None),
    ],
)
def test_ages_are_whole_years_and_the_oldest_are_said_together(
    born: date | None, on: date, years: int | None
) -> None:
    assert age_said(born, on) == years


def rows() -> list[dict[str, str]]:
    found = timelines_seen(FIRST, FIRST + timedelta(days=400))
    return [dict(zip(RESEARCH_HEAD, row, strict=True)) for row in research_rows(found)]


@pytest.fixture
def course(db: None) -> list[Result]:
    results = [
        make_visit(days, ml, description="MRI of Jane Doe", accession_number="ACC-9", patient_sex="F",
                   patient_birth_date=date(1961, 2, 3))
        for days, ml in ((0, "20.00"), (72, "4.00"), (151, "8.00"))
    ]  # fmt: skip
    treat(key_of(results[0].study))
    values = {"dose_mg": 2.5, "note": "told by Jane's daughter", "on": FIRST + timedelta(days=60)}
    TreatmentEvent.objects.create(patient_id="PAT-7", kind="steroid_dose", by="rita", **values)
    return results


def test_a_course_goes_out_with_its_figures_and_true_intervals(course: list[Result]) -> None:
    told = rows()
    assert [row["ET_ml"] for row in told] == ["20.00", "4.00", "8.00"]
    assert [row["suggested_response"] for row in told] == ["not rated", "baseline", "PD"]
    assert [row["days_since_first_visit"] for row in told] == ["0", "72", "151"]
    assert [row["days_since_surgery"] for row in told] == ["", "68", "147"]
    assert [row["days_since_radiotherapy_end"] for row in told] == ["", "28", "107"]
    assert [row["steroid_mg"] for row in told] == ["", "2.5", "2.5"]
    assert {row["age_years"] for row in told} == {"63"}
    assert told[2]["ratio_to_nadir"] == "2.0000"
    moved = [date.fromisoformat(row["date_moved"]) for row in told]
    assert [(on - moved[0]).days for on in moved] == [0, 72, 151]
    assert 1 <= (FIRST - moved[0]).days <= MOST_SHIFT_DAYS


def test_nothing_that_names_the_patient_goes_out(course: list[Result]) -> None:
    Study.objects.filter(pk=course[0].study_id).update(patient_sex="Jane")
    text = "\n".join(",".join(row.values()) for row in rows())
    for word in ("PAT-7", "Doe", "Jane", "ACC-9", "1.2.", "1961", str(FIRST), "rita", "daughter"):
        assert word not in text, word


def test_what_does_not_count_does_not_go_out(course: list[Result]) -> None:
    Flag.objects.create(result=course[1], reason=Flag.Reason.MOTION, by="ray")
    Flag.objects.create(result=course[2], reason=Flag.Reason.MOTION, compartment="ET", by="ray")
    told = rows()
    assert [row["ET_ml"] for row in told] == ["20.00", ""]
    assert told[1]["ED_ml"] == "20.90"


def test_linked_ids_go_out_as_one_person(course: list[Result]) -> None:
    make_visit(200, "9.00", uid="1.2.55", patient_id="PAT-8")
    assert len({row["pseudonym"] for row in rows()}) == 2
    IdentityLink.objects.create(patient_id="PAT-7", other_id="PAT-8", by="admin")
    assert len({row["pseudonym"] for row in rows()}) == 1
    assert len(rows()) == 4
