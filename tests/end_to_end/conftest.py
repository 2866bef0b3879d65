"""One installation with the demo model for all end-to-end tests, and the phantom patient to send to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import running_browser
from tests.end_to_end.installation import Installation, installed
from tests.end_to_end.studies import make_phantom
from tests.services import reachable_folder


@pytest.fixture(scope="session")
def stack() -> Iterator[Installation]:
    """A running stack whose model is the packaged demo model: quick, and there without ../shared."""
    folder = reachable_folder()
    with installed(folder / "var", MODEL="phantom-demo", LEASE_S="6") as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo patient's first visit as DICOM, with truth.json beside it."""
    folder = tmp_path_factory.mktemp("phantom")
    make_phantom(folder, "--visits", "1")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    with running_browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window without cookies, as large as a common screen."""
    context = browser.new_context(viewport={"width": 1600, "height": 950})
    yield context.new_page()
    context.close()
