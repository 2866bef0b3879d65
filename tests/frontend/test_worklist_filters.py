"""Filters of the worklist by what readers said and by date, and its order over pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from review.models import Study
from review.services_of_review import accept, flag_as_poor, undo_flag
from tests.review import factories

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]


def shown(client: Client, query: str) -> list[str]:
    return re.findall(r'data-study-uid="([^"]+)"', client.get(f"/worklist/rows/?{query}").content.decode())


@pytest.mark.parametrize(
    ("query", "uids"),
    [
        ("order=patient", ["1.1", "1.2", "1.3", "1.4", "1.5"]),
        ("verdict=flagged&order=patient", ["1.2"]),
        ("verdict=unread&order=patient", ["1.1", "1.4"]),
        ("verdict=mine&order=patient", ["1.3", "1.4"]),
        ("verdict=nonsense&order=patient", ["1.1", "1.2", "1.3", "1.4", "1.5"]),
        ("from=2026-01-02&to=2026-01-04&order=study_date", ["1.4", "1.3", "1.2"]),
        ("from=yesterday&order=patient", ["1.1", "1.2", "1.3", "1.4", "1.5"]),
        ("verdict=unread&show=done&q=Doe&from=2026-01-02", ["1.4"]),
    ],
)
def test_the_worklist_is_narrowed_by_verdict_and_date(as_role: LogIn, query: str, uids: list[str]) -> None:
    results = {}
    for number in range(1, 6):
        study = factories.make_study(
            f"1.{number}", study_date=date(2026, 1, number), patient_name=f"Doe^{number}"
        )
        if number < 5:
            results[number] = factories.make_result(factories.make_job(study))
    flag_as_poor(results[2], reason="motion", by="ann")
    accept(results[3], by="radiologist")
    undo_flag(flag_as_poor(results[4], reason="motion", by="radiologist"), by="radiologist")
    assert shown(as_role("radiologist"), query) == uids


def test_pages_follow_each_other_without_gap_or_double_and_keep_the_filters(as_role: LogIn) -> None:
    now = timezone.now()
    for number in range(60):
        factories.make_study(
            f"1.{number}", changed_at=now - timedelta(minutes=number), state=Study.State.FAILED
        )
    client = as_role("viewer")
    pages = [shown(client, f"show=attention&page={page}") for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [uid for page in pages for uid in page] == [f"1.{number}" for number in range(60)]
    first = client.get("/worklist/rows/?show=attention&verdict=mine&from=2026-01-01").content.decode()
    assert "verdict=mine" in first
    assert "from=2026-01-01" in first
    assert "No study fits" in first


def test_the_worklist_is_narrowed_by_trust(as_role: LogIn) -> None:
    for uid, grade in (("1.1", "good"), ("1.2", "poor"), ("1.3", "")):
        factories.make_result(factories.make_job(factories.make_study(uid)), trust_grade=grade)
    client = as_role("viewer")
    assert shown(client, "trust=poor") == ["1.2"]
    assert shown(client, "trust=good") == ["1.1"]
    assert len(shown(client, "trust=nonsense")) == 3


def test_a_search_finds_words_in_any_column_whatever_their_case(as_role: LogIn) -> None:
    factories.make_study("1.1", patient_name="Müller^Zoë", patient_id="P-1", accession_number="ACC7")
    factories.make_study("1.2", patient_name="Roe^Rita", description="MRI BRAIN 100 %")
    client = as_role("viewer")
    assert shown(client, "q=müller acc7") == ["1.1"]
    assert shown(client, "q=brain 100 %") == ["1.2"]
    assert shown(client, "q=1.2") == ["1.2"]
    assert shown(client, "q=brain p-1") == []


def test_long_lists_are_counted_to_1000_and_still_paged_to_their_end(as_role: LogIn) -> None:
    Study.objects.bulk_create(Study(study_uid=f"1.{number}") for number in range(1, 1031))
    client = as_role("viewer")
    assert "1 to 25 of more than 1000" in client.get("/").content.decode()
    assert "1000+" in client.get("/").content.decode()
    seen = [uid for page in range(1, 43) for uid in shown(client, f"page={page}&order=patient")]
    assert len(seen) == len(set(seen)) == 1030
    last = client.get("/worklist/rows/?page=42").content.decode()
    assert 'rel="next"' not in last
    assert client.get("/worklist/rows/?page=99").content.decode() == last


def test_a_reader_saves_a_view_renews_it_and_forgets_it(as_role: LogIn) -> None:
    client = as_role("viewer")
    saved = {"name": "Poor ones", "address": "trust=poor&page=4&nonsense=1"}
    assert client.post("/worklist/views/", saved).headers["Location"] == "/?trust=poor"
    client.post("/worklist/views/", {**saved, "address": "?trust=poor&verdict=unread"})
    page = client.get("/").content.decode()
    assert '<a href="?verdict=unread&amp;trust=poor">Poor ones</a>' in page
    assert "Poor ones" not in as_role("radiologist").get("/").content.decode()
    address = re.search(r"/worklist/views/\d+/remove/", page)
    assert address is not None
    assert as_role("radiologist").post(address.group()).status_code == 404
    client.post(address.group())
    assert "Poor ones" not in client.get("/").content.decode()
    client.post("/worklist/views/", {"name": " ", "address": ""})
    assert "Give the view a name." in client.get("/").content.decode()
