"""The cohort page without a browser: who is shown, by which question, and what leaves as a file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from review import cohort as cohorts
from review.models import AuditEntry
from tests.review.test_cohort import make_patient

LogIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db
AUGUST = {"first": "2024-08-01", "last": "2024-08-31"}


@pytest.fixture
def patients() -> None:
    """Two seen in August: one progressing, one stable; their baseline was in May."""
    make_patient("1", "4.20")
    make_patient("2", "8.00")


def listed(client: Client, **asked: str) -> list[str]:
    page = client.get("/cohort/", {**AUGUST, **asked}).content.decode()
    return re.findall(r"</a><small>(\d+)</small>", page)


def plots(client: Client, **asked: str) -> list[dict[str, Any]]:
    page = client.get("/cohort/", {**AUGUST, **asked}).content.decode()
    found = re.search(r'<script id="plots-data" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def table(client: Client, name: str, **asked: str) -> list[dict[str, str]]:
    answer = client.get(f"/cohort/{name}.csv", {**AUGUST, **asked})
    assert answer.headers["Cache-Control"] == "no-store"
    return list(csv.DictReader(answer.content.decode().splitlines()))


def test_the_kinds_of_patients_are_counted_and_shown(as_role: LogIn, patients: None) -> None:
    client = as_role("viewer")
    page = client.get("/cohort/", AUGUST).content.decode()
    counts = dict(re.findall(r'show=(\w+)"[^>]*>[^<]*<b>(\d+)</b>', page))
    assert counts == {"all": "2", "progression": "1", "confirm": "0", "wide": "0", "missing": "2"}
    assert listed(client) == ["2", "1"]
    assert listed(client, show="progression") == ["2"]
    assert listed(client, show="wide") == []
    assert listed(client, show="nonsense") == ["2", "1"]


def test_progression_before_the_stretch_does_not_count_as_progression_in_it(as_role: LogIn) -> None:
    make_patient("2", "8.00")
    client = as_role("viewer")
    may = {"first": "2024-05-01", "last": "2024-05-31"}
    assert listed(client, **may) == ["2"]
    assert listed(client, **may, show="progression") == []


def test_an_interval_that_hides_a_growth_of_forty_percent_is_called_wide(as_role: LogIn) -> None:
    make_patient("1", "4.20")
    rows = cohorts.cohort(date(2024, 8, 1), date(2024, 8, 31), date(2024, 9, 1))
    assert not rows[0].is_wide
    for share, wide in ((0.48, False), (0.481, True), (None, False)):
        assert replace(rows[0], interval_share=share).is_wide == wide


def test_plots_page_file_and_api_give_the_same_figures(as_role: LogIn, patients: None) -> None:
    client = as_role("viewer")
    drawn = plots(client)
    assert [(one["category"], one["best"]) for one in drawn] == [("PD", "+100"), ("SD", "+5")]
    assert [point["days"] for point in drawn[0]["points"]] == [0, 79]
    assert [point["percent"] for point in drawn[0]["points"]] == ["+0", "+100"]
    rows = table(client, "cohort")
    told = client.get("/api/cohort/", AUGUST).json()
    for row, answer in zip(rows, told, strict=True):
        assert float(row["burden_ml"]) == answer["latest"]["burden"]["value"]
        assert float(row["best_ratio_to_baseline"]) == pytest.approx(answer["best_ratio"])
        assert row["suggested_response"] == answer["latest"]["category"]
        assert row["progressed_on"] == (answer["progressed_on"] or "")
    assert (rows[0]["since_nadir_ml"], rows[0]["ratio_to_nadir"]) == ("4.00", "2.000")


def test_the_file_holds_what_the_page_shows(as_role: LogIn, patients: None) -> None:
    assert [row["patient_id"] for row in table(as_role("viewer"), "cohort", show="progression")] == ["2"]


def test_only_admins_take_the_file_for_research_and_it_is_on_record(as_role: LogIn, patients: None) -> None:
    for role in ("viewer", "radiologist", "service"):
        client = as_role(role)
        assert client.get("/cohort/research.csv", AUGUST).status_code == 403
        assert "research.csv" not in client.get("/cohort/", AUGUST).content.decode()
    admin = as_role("admin")
    assert "research.csv" in admin.get("/cohort/", AUGUST).content.decode()
    rows = table(admin, "research")
    assert len(rows) == 4
    assert len({row["pseudonym"] for row in rows}) == 2
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.by, entry.details["what"]) == ("admin", "cohort for research, pseudonymised")
    assert (entry.details["patients"], entry.details["first"]) == (2, "2024-08-01")


def test_too_many_patients_and_none_are_said(
    as_role: LogIn, patients: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = as_role("admin")
    assert "No patient fits" in client.get("/cohort/").content.decode()
    monkeypatch.setattr(cohorts, "MOST_PATIENTS", 1)
    assert "ask for a shorter time" in client.get("/cohort/", AUGUST).content.decode()
    for name in ("cohort", "research"):
        assert client.get(f"/cohort/{name}.csv", AUGUST).status_code == 409


def test_odd_days_are_left_out_or_turned(as_role: LogIn, patients: None) -> None:
    client = as_role("viewer")
    assert client.get("/cohort/", {"first": "2024-13-45", "last": "soon"}).status_code == 200
    assert listed(client, first="2024-08-31", last="2024-08-01") == ["2", "1"]


def test_the_question_for_overdue_confirmations_says_that_a_month_is_too_short(as_role: LogIn) -> None:
    client = as_role("viewer")
    assert "Look at the last 365 days" in client.get("/cohort/", {"show": "confirm"}).content.decode()
    assert "Look at the last 365 days" not in client.get("/cohort/").content.decode()
    year = {"show": "confirm", "first": str(date.today() - timedelta(days=365))}
    assert "Look at the last 365 days" not in client.get("/cohort/", year).content.decode()
