"""Asking for a comparison of two visits: what the page says while it is made, and where it leads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from review import tasks
from review.models import AuditEntry, Comparison, Flag, Study
from review.services_of_review import flag_as_poor
from tests.review import factories

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[Study]:
    """Two measured visits of one patient; nothing reaches the broker."""
    monkeypatch.setattr(tasks.compare, "send", lambda _: None)
    monkeypatch.setattr(tasks.follow, "send", lambda _: None)
    monkeypatch.setattr(tasks.note, "send", lambda _: None)
    made = []
    for month in (1, 6):
        study = factories.make_study(f"1.2.{month}", study_date=date(2026, month, 1))
        factories.make_result(factories.make_job(study, series_key=f"k{month}"))
        made.append(study)
    return made


ADDRESS = "/compare/1.2.1/1.2.6/"


def test_a_viewer_asks_waits_and_is_led_to_the_images(as_role: LogIn, visits: list[Study]) -> None:
    viewer = as_role("viewer")
    assert "Prepare the comparison" in viewer.get(ADDRESS).content.decode()
    assert not Comparison.objects.exists()
    assert viewer.post(ADDRESS).status_code == 302
    viewer.post(ADDRESS)
    comparison = Comparison.objects.get()
    assert (comparison.later.study, comparison.earlier.study) == (visits[1], visits[0])
    waiting = viewer.get(ADDRESS).content.decode()
    assert "is being laid on" in waiting
    assert 'http-equiv="refresh"' in waiting
    assert viewer.get(f"{ADDRESS}parts.json").json() == {}
    Comparison.objects.update(state=Comparison.State.READY, series={"PRIOR": "1.2.3.9"})
    for extra, protocol in (("", "glioma.compare&"), ("?as-scanned", "glioma.compare-as-scanned&")):
        answer = viewer.get(ADDRESS + extra)
        assert answer.status_code == 302
        assert f"StudyInstanceUIDs=1.2.6&hangingProtocolId={protocol}prior=1.2.1" in answer["Location"]
    assert viewer.get(f"{ADDRESS}parts.json").json() == {"1.2.3.9": "PRIOR"}


def test_the_panel_beside_it_tells_both_volumes_and_the_interval_of_the_change(
    as_role: LogIn, visits: list[Study]
) -> None:
    panel = as_role("viewer").get(f"{ADDRESS}panel/").content.decode()
    assert "Left 2026-01-01, right 2026-06-01" in panel
    assert "Enhancing, grown" in panel
    assert "30.20" in panel
    assert "+0.00 mL (" in panel


def test_a_comparison_that_failed_says_why_and_may_be_tried_again(
    as_role: LogIn, visits: list[Study]
) -> None:
    viewer = as_role("viewer")
    viewer.post(ADDRESS)
    Comparison.objects.update(state=Comparison.State.FAILED, words="T1CE is gone.")
    page = viewer.get(ADDRESS).content.decode()
    assert "T1CE is gone." in page
    assert "Try again" in page
    viewer.post(ADDRESS)
    assert Comparison.objects.get().state == Comparison.State.WAITING


def test_a_visit_without_a_result_that_counts_is_refused_in_words(
    as_role: LogIn, visits: list[Study]
) -> None:
    flag_as_poor(visits[0].results.get(), reason=Flag.Reason.MOTION, by="ray")
    answer = as_role("viewer").post(ADDRESS)
    assert answer.status_code == 409
    assert "2026-01-01 has no result that counts" in answer.content.decode()


def test_visits_of_two_patients_are_no_page(as_role: LogIn, visits: list[Study]) -> None:
    factories.make_study("1.2.9", patient_id="OTHER")
    assert as_role("viewer").get("/compare/1.2.1/1.2.9/").status_code == 404


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("one=1.2.6", "/compare/1.2.6/1.2.1/"),
        ("one=1.2.1&other=1.2.6", "/compare/1.2.1/1.2.6/"),
        ("one=1.2.1", "/patients/"),
        ("one=1.2.6&other=1.2.6", "/patients/"),
    ],
)
def test_any_two_visits_are_chosen_and_one_alone_means_the_visit_before(
    as_role: LogIn, visits: list[Study], asked: str, leads_to: str
) -> None:
    answer = as_role("viewer").get(f"/compare/?{asked}")
    assert answer.status_code == 302
    assert answer["Location"].startswith(leads_to)


def test_the_patients_page_and_the_panel_lead_there(as_role: LogIn, visits: list[Study]) -> None:
    viewer = as_role("viewer")
    assert 'action="/compare/"' in viewer.get(f"/patients/{visits[0].pk}/").content.decode()
    assert "/compare/?one=1.2.6" in viewer.get("/panel/1.2.6/").content.decode()


def test_a_comparison_is_taken_away_by_who_may_work_and_its_audit_line_says_who(
    as_role: LogIn, visits: list[Study]
) -> None:
    as_role("viewer").post(ADDRESS)
    Comparison.objects.update(state=Comparison.State.READY)
    assert "Remove this comparison" not in as_role("viewer").get(f"{ADDRESS}panel/").content.decode()
    assert as_role("viewer").post(f"{ADDRESS}remove/").status_code == 403
    radiologist = as_role("radiologist")
    assert "Remove this comparison" in radiologist.get(f"{ADDRESS}panel/").content.decode()
    assert radiologist.get(f"{ADDRESS}remove/").status_code == 405
    assert radiologist.post(f"{ADDRESS}remove/").status_code == 302
    assert Comparison.objects.get().state == Comparison.State.REMOVING
    page = radiologist.get(ADDRESS).content.decode()
    assert "is being taken away" in page
    assert 'http-equiv="refresh"' in page
    assert AuditEntry.objects.filter(action="compared", by="radiologist", details__removed=True).exists()
    Comparison.objects.all().delete()
    answer = radiologist.post(f"{ADDRESS}remove/", follow=True)
    assert "There is no comparison of these visits." in answer.content.decode()
