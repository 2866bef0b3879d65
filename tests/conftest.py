"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import dramatiq
import pytest
from django.core.cache import cache
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django.plugin import DjangoDbBlocker

from tests.services import reachable_folder

REPOSITORY = Path(__file__).resolve().parent.parent

# Properties are about answers: a busy machine may take its time over an example.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real cases and published weights beside the checkout; tests skip where it is absent."""
    folder = Path(os.environ.get("GLIOMA_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "weights" / "cacnn17.safetensors").is_file():
        pytest.skip("needs the real cases and weights of ../shared, which are not on this machine")
    return folder


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The test database, in which the audit log may be emptied: tests beside a live server truncate every table."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE review_auditentry DISABLE TRIGGER audit_is_never_emptied")


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """What was seen or counted in one test is not remembered in the next."""
    cache.clear()


@pytest.fixture(autouse=True)
def empty_broker() -> None:
    """No ticket of one test waits in the next, where a sweep would count it."""
    dramatiq.get_broker().client.flushdb()


@pytest.fixture(scope="module")
def server_folder() -> Iterator[Path]:
    """A temporary folder for servers' data, removed when the module's tests are done."""
    folder = reachable_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
