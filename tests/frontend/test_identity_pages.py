"""Linking the IDs of one person in the browser: compared first, on record, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from review.longitudinal import timeline_of
from review.models import AuditEntry, IdentityLink, Result, Study
from review.patients import key_of
from tests.frontend.test_patient_pages import make_visit

LogIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def one() -> Result:
    return make_visit(1, date(2026, 1, 1), patient_birth_date=date(1960, 1, 1), patient_sex="F")


@pytest.fixture
def other(one: Result) -> Result:
    return make_visit(
        2, date(2026, 2, 1), patient_id="B-2", patient_birth_date=date(1960, 1, 1), patient_sex="F"
    )


def address(result: Result) -> str:
    return f"/patients/{result.study_id}/links/"


def test_an_admin_finds_links_and_unlinks(as_role: LogIn, one: Result, other: Result) -> None:
    admin = as_role("admin")
    page = admin.get(address(one)).content.decode()
    assert "name, birth date and sex agree" in page
    said = admin.post(address(one), {"other": other.study_id}, follow=True).content.decode()
    assert "B-2 is linked" in said
    assert "agree" not in said, "who is linked is not offered again"
    assert len(timeline_of(key_of(one.study)).visits) == 2
    link = IdentityLink.objects.get()
    said = admin.post(f"{address(other)}{link.pk}/", follow=True).content.decode()
    assert "are two courses again" in said
    assert len(timeline_of(key_of(one.study)).visits) == 1
    noted = AuditEntry.objects.filter(action="identity_linked").order_by("pk")
    assert [(entry.by, entry.details["what"]) for entry in noted] == [
        ("admin", "linked"),
        ("admin", "unlinked"),
    ]


def test_what_differs_is_said_before_it_is_linked(as_role: LogIn, one: Result, other: Result) -> None:
    Study.objects.filter(pk=other.study_id).update(patient_birth_date=date(1961, 1, 1), patient_sex="M")
    page = as_role("admin").get(address(one)).content.decode()
    assert "birth date differs" in page
    assert "sex differs" in page
    assert "name differs" not in page


def test_a_search_finds_by_any_word(as_role: LogIn, one: Result) -> None:
    make_visit(3, date(2026, 3, 1), patient_id="C-3", patient_name="Married^Jane")
    admin = as_role("admin")
    assert "C-3" not in admin.get(address(one)).content.decode()
    page = admin.get(address(one), {"q": "married"}).content.decode()
    assert "C-3" in page
    assert "name differs" in page
    assert "No other patient has" in admin.get(address(one), {"q": "zzz"}).content.decode()


def test_what_cannot_be_linked_is_refused_with_the_reason(as_role: LogIn, one: Result, other: Result) -> None:
    admin = as_role("admin")
    alone = make_visit(4, date(2026, 3, 1), patient_id="")
    for chosen, words in (
        (alone.study_id, "without patient ID cannot be linked"),
        (one.study_id, "belong together already"),
        ("", "Choose a patient"),
        ("9" * 30, "Choose a patient"),
    ):
        assert words in admin.post(address(one), {"other": chosen}, follow=True).content.decode()
    assert not IdentityLink.objects.exists()
    assert "cannot be linked" in admin.get(address(alone)).content.decode()


def test_a_link_of_somebody_else_is_not_taken_back_here(as_role: LogIn, one: Result, other: Result) -> None:
    admin = as_role("admin")
    admin.post(address(one), {"other": other.study_id})
    stranger = make_visit(5, date(2026, 3, 1), patient_id="D-4")
    link = IdentityLink.objects.get()
    assert admin.post(f"{address(stranger)}{link.pk}/").status_code == 404
    assert admin.get(f"{address(one)}{link.pk}/").status_code == 404
    assert IdentityLink.objects.filter(unlinked_at=None).exists()


def test_only_admins_see_the_way_to_it(as_role: LogIn, one: Result) -> None:
    for role, seen in (("viewer", False), ("radiologist", False), ("admin", True)):
        assert (address(one) in as_role(role).get(f"/patients/{one.study_id}/").content.decode()) == seen
