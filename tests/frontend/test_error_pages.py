"""What a reader sees of an address that is not there and of a database that is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from frontend.pages import worklist


@pytest.fixture
def database_away(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Nobody answers where the database was."""
    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")
        yield
        connection.close()


@pytest.fixture
def browser() -> Client:
    """A browser with a session that only the database knows."""
    client = Client(raise_request_exception=False)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    return client


def test_an_address_that_is_not_there_is_one_also_without_the_database(
    database_away: None, browser: Client
) -> None:
    answer = browser.get("/no/such/address/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_a_page_says_that_the_database_is_away_and_that_nothing_is_lost(
    database_away: None, browser: Client
) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "20")
    page = answer.content.decode()
    assert "The database does not answer" in page
    assert "Nothing is lost" in page


@pytest.mark.django_db
def test_another_error_is_told_without_what_was_in_it(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object) -> None:
        raise ValueError("Doe^Jane")

    monkeypatch.setattr(worklist, "counts_to_show", fail)
    admin_client.raise_request_exception = False
    answer = admin_client.get("/")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "This page could not be made" in page
    assert "Doe" not in page
