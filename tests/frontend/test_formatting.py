"""How values are written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from frontend import formatting
from review.models import Job, Measurement, Study


def volume(ml: str, low: str, high: str) -> Measurement:
    return Measurement(compartment="WT", ml=Decimal(ml), low_ml=Decimal(low), high_ml=Decimal(high))


def test_volumes_are_written_to_the_digit_as_they_are_stored() -> None:
    assert formatting.millilitres(Decimal("30.2")) == "30.20"
    assert formatting.interval(volume("30.24", "25.1", "36")) == "25.10 to 36.00"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "–"), (0.43, "0.4 s"), (12.3, "12 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min"),
     (3600, "1 h"), (273600, "3 d 4 h")],
)  # fmt: skip
def test_durations_have_the_two_units_that_matter(seconds: float | None, written: str) -> None:
    assert formatting.duration(seconds) == written


@pytest.mark.parametrize(
    ("dicom", "written"),
    [("Doe^Jane", "Doe, Jane"), ("Doe^Jane^Mary", "Doe, Jane Mary"), ("Doe", "Doe"), ("", "No name"),
     ("Yamada^Tarou=山田^太郎", "Yamada, Tarou"), ("=山田^太郎", "山田, 太郎"), ("^Jane", "Jane")],
)  # fmt: skip
def test_names_are_written_as_people_write_them(dicom: str, written: str) -> None:
    assert formatting.patient_name(dicom) == written


@pytest.mark.parametrize(
    ("born", "seen", "years"),
    [(date(1961, 2, 3), date(2026, 1, 10), 64), (date(1961, 2, 3), date(2026, 2, 3), 65),
     (None, date(2026, 1, 10), None), (date(2027, 1, 1), date(2026, 1, 10), None)],
)  # fmt: skip
def test_the_age_is_the_one_at_the_study(born: date | None, seen: date, years: int | None) -> None:
    assert formatting.age_years(Study(patient_birth_date=born, study_date=seen)) == years


def test_a_running_job_has_stages_behind_it_and_before_it() -> None:
    job = Job(stage="infer", state="running", seconds={"prepare": 40.0})
    assert [(step.state, step.seconds) for step in formatting.steps(job)] == [
        ("done", 40.0),
        ("now", None),
        ("todo", None),
    ]


def test_a_failed_job_shows_where_it_failed_and_a_done_one_is_done() -> None:
    failed = formatting.steps(Job(stage="publish", state="failed"))
    assert [step.state for step in failed] == ["done", "done", "failed"]
    assert {step.state for step in formatting.steps(Job(stage="publish", state="done"))} == {"done"}
    assert {step.state for step in formatting.steps(None)} == {"todo"}


def test_an_interval_bar_lies_where_its_numbers_are() -> None:
    bar = formatting.interval_bar(volume("30", "25", "50"), Decimal(100))
    assert (bar.low, bar.width, bar.mark) == (25.0, 25.0, 30.0)


def test_an_interval_bar_of_nothing_is_still_drawn() -> None:
    bar = formatting.interval_bar(volume("0", "0", "0"), Decimal(0))
    assert (bar.low, bar.mark) == (0.0, 0.0)
    assert bar.width > 0
