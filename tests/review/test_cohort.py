"""The cohort: who was seen, what is suggested, what is left to do."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from review import cohort as cohorts
from review.patients import key_of
from review.roles import UserRole
from tests.review.test_api import client_of
from tests.review.test_course import FIRST, make_visit, treat

pytestmark = pytest.mark.django_db
AUGUST = {"first": "2024-08-01", "last": "2024-08-31"}


def make_patient(name: str, last_ml: str, last_day: int = 151) -> None:
    treat(key_of(make_visit(72, "4.00", uid=f"1.{name}.72", patient_id=name).study))
    make_visit(last_day, last_ml, uid=f"1.{name}.{last_day}", patient_id=name)


def rows(today: date) -> list[cohorts.CohortRow]:
    return cohorts.cohort(date(2024, 5, 1), date(2024, 8, 31), today)


@pytest.mark.parametrize("role", UserRole)
def test_progressing_patients_of_a_month_come_first(role: str) -> None:
    make_patient("1", "4.20")
    make_patient("2", "8.00")
    make_patient("3", "9.00", last_day=300)
    answer = client_of(role).get("/api/cohort/", AUGUST).json()
    assert [(one["patient_id"], one["latest"]["category"]) for one in answer] == [("2", "PD"), ("1", "SD")]
    assert answer[0]["interval_share"] == pytest.approx(0.2)
    assert "steroid dose" in answer[0]["missing"]


def test_a_preliminary_call_waits_then_is_due_then_overdue() -> None:
    make_patient("1", "8.00", last_day=100)
    seen_on = FIRST + timedelta(days=100)
    states = [
        (row.confirmation_is_due, row.confirmation_is_overdue)
        for days in (10, 40, 200)
        for row in rows(seen_on + timedelta(days=days))
    ]
    assert states == [(False, False), (True, False), (False, True)]


def test_linked_ids_are_one_row() -> None:
    make_patient("1", "8.00")
    make_visit(150, "5.00", uid="1.9.150", patient_id="9")
    assert len(rows(date(2024, 9, 1))) == 2
    asked = {"other_study_uid": "1.9.150"}
    assert client_of("admin").post("/api/patients/1.1.72/links/", asked, format="json").status_code == 201
    assert len(rows(date(2024, 9, 1))) == 1


def test_too_many_patients_and_odd_days_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    make_patient("1", "8.00")
    make_patient("2", "8.00")
    monkeypatch.setattr(cohorts, "MOST_PATIENTS", 1)
    client = client_of("viewer")
    refused = client.get("/api/cohort/", AUGUST)
    assert (refused.status_code, "shorter time" in refused.json()["detail"]) == (409, True)
    assert client.get("/api/cohort/", {"first": "2024-08-31", "last": "2024-08-01"}).status_code == 400
    assert client.get("/api/cohort/").status_code == 400
    assert client_of(None).get("/api/cohort/", AUGUST).status_code == 403
