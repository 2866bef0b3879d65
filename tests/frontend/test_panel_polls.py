"""The polls of panel and study page: nothing is rendered while nothing changed, and every change comes through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from review.default_templates import install_default_templates
from review.models import CopiedReport, ReportTemplate, Result, TemplateVersion
from review.services_of_review import accept, flag_as_poor
from tests.review import factories

pytestmark = pytest.mark.django_db

UID = factories.STUDY_UID
LogIn = Callable[[str], Client]


@pytest.fixture
def result() -> Result:
    install_default_templates(ReportTemplate, TemplateVersion)
    return factories.make_result()


PAGES = {"panel": "panel", "study": "studies"}


def seen(client: Client, page: str = "panel") -> str:
    return client.get(f"/{PAGES[page]}/{UID}/live/").headers["X-Fragment"]


def poll(client: Client, version: str, page: str = "panel") -> int:
    return client.get(f"/{PAGES[page]}/{UID}/live/?seen={version}").status_code


@pytest.mark.parametrize("page", PAGES)
def test_an_idle_poll_asks_little_and_renders_nothing(
    as_role: LogIn,
    result: Result,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
) -> None:
    client = as_role("radiologist")
    version = seen(client, page)
    monkeypatch.setattr(f"frontend.pages.{page}.render_to_string", None)
    with django_assert_max_num_queries(18):
        assert poll(client, version, page) == 204


def copied(result: Result) -> None:
    CopiedReport.objects.create(result=result, version=TemplateVersion.objects.first(), text="x", by="ann")


CHANGES: dict[str, Callable[[Result], object]] = {
    "a flag": lambda result: flag_as_poor(result, reason="motion", by="ann"),
    "a review": lambda result: accept(result, by="ann"),
    "a copied text": copied,
    "another template": lambda result: TemplateVersion.objects.create(
        template=ReportTemplate.objects.first(), number=9, text="x", by="ann"
    ),
    "progress": lambda result: result.study.move("processing", "Registering FLAIR"),
    "another visit": lambda result: factories.make_study("1.77"),
    "another result": lambda result: factories.make_result(factories.make_job(result.study, series_key="k2")),
    "chosen series": lambda result: result.study.series.create(
        series_uid="1.5", role="T1", role_confidence=1, is_chosen=True
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_comes_through(as_role: LogIn, result: Result, what: str) -> None:
    client = as_role("radiologist")
    versions = {page: seen(client, page) for page in PAGES}
    CHANGES[what](result)
    assert [poll(client, version, page) for page, version in versions.items()] == [200, 200]


def test_a_stored_rejection_note_comes_through(as_role: LogIn, result: Result) -> None:
    flag = flag_as_poor(result, reason="motion", by="ann")
    client = as_role("radiologist")
    version = seen(client)
    flag.noted("1.2.3")
    assert poll(client, version) == 200
    assert "Rejection note stored" in client.get(f"/panel/{UID}/live/").content.decode()


def test_an_account_that_may_not_look_gets_nothing(as_role: LogIn, result: Result) -> None:
    assert as_role("nobody").get(f"/panel/{UID}/live/").status_code == 403
