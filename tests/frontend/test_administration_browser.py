"""An admin sets up a site in the real Chromium: a colleague, a token, a destination with its test, the models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from orthanc.client import OrthancClient
from orthanc.server.process import start_orthanc
from tests.browser import running_browser
from tests.frontend.conftest import PASSWORD
from tests.frontend.test_dashboard import ended
from tests.review.conftest import install_model, model  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, running_browser() as running:
        # Playwright keeps an event loop in this thread, which Django takes for a sign of async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


def log_in(window: Page, name: str, password: str) -> None:
    window.goto("/login/")
    window.get_by_label("User name").fill(name)
    window.get_by_label("Password").fill(password)
    window.get_by_role("button", name="Log in").click()


@pytest.fixture
def windows(
    browser: Browser, live_server: LiveServer, accounts: dict[str, User]
) -> Iterator[tuple[Page, Page]]:
    """Two browsers; what a policy or a script objects to fails the test."""
    errors: list[str] = []
    contexts = [
        browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server.url)
        for _ in range(2)
    ]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None,
        )
    yield pages[0], pages[1]
    for context in contexts:
        context.close()
    assert errors == []


def test_an_admin_sets_up_a_colleague_a_program_and_a_destination(
    windows: tuple[Page, Page],
    orthanc: OrthancClient,
    live_server: LiveServer,
    tmp_path: Path,
    model: Path,  # noqa: F811
) -> None:
    admin, colleague = windows
    log_in(admin, "admin", PASSWORD)
    admin.get_by_role("link", name="Administration").click()
    admin.get_by_role("link", name="New account").click()
    admin.get_by_label("User name").fill("rita")
    admin.get_by_role("checkbox", name="radiologist").check()
    admin.get_by_role("button", name="Make the account").click()
    once = admin.locator("#secret").inner_text()

    log_in(colleague, "rita", once)
    expect(colleague.get_by_text("Yours was given by an administrator")).to_be_visible()
    colleague.get_by_label("Old password").fill(once)
    colleague.get_by_label("New password", exact=True).fill("owl-window-lamp")
    colleague.get_by_label("New password confirmation").fill("owl-window-lamp")
    colleague.get_by_role("button", name="Change it").click()
    expect(colleague.get_by_text("Your password is changed.")).to_be_visible()
    expect(colleague.get_by_role("link", name="Upload", exact=True)).to_be_visible()

    admin.get_by_role("link", name="I have kept it").click()
    admin.get_by_role("link", name="API tokens").click()
    admin.get_by_label("What it is for").fill("Nightly export")
    admin.get_by_role("checkbox", name="read").check()
    admin.get_by_role("button", name="Make the token").click()
    headers = {"Authorization": f"Token {admin.locator('#secret').inner_text()}"}
    assert httpx.get(f"{live_server.url}/api/studies/", headers=headers).status_code == 200
    admin.get_by_role("link", name="I have kept it").click()
    admin.get_by_role("button", name="Revoke").click()
    expect(admin.get_by_text("opens nothing any more")).to_be_visible()
    assert httpx.get(f"{live_server.url}/api/studies/", headers=headers).status_code == 401

    with start_orthanc(tmp_path / "other", aet="OTHER") as other:
        admin.get_by_role("link", name="Destinations", exact=True).click()
        admin.get_by_label("Name", exact=True).fill("PACS")
        admin.get_by_label("AE title").fill("OTHER")
        admin.get_by_label("Host").fill("127.0.0.1")
        admin.get_by_label("Port").fill(str(other.dicom_port))
        admin.get_by_role("button", name="Keep and tell Orthanc").click()
        admin.locator("tr[data-name='PACS']").get_by_role("button", name="Send a test").click()
        expect(admin.get_by_role("status")).to_contain_text("PACS: It took a test picture after")

    admin.get_by_role("link", name="Models", exact=True).click()
    admin.locator("tr[data-model='demo 1']").get_by_role("button", name="Activate").click()
    expect(admin.get_by_text("New jobs get demo 1.")).to_be_visible()
    admin.get_by_role("link", name="Audit", exact=True).click()
    for done in ("Made a token", "Revoked a token", "Changed an account", "Activated a model"):
        expect(admin.locator("tbody").get_by_text(done).first).to_be_visible()


def test_charts_are_drawn_under_the_pages_policy(windows: tuple[Page, Page]) -> None:
    ended()
    admin, _ = windows
    log_in(admin, "admin", PASSWORD)
    admin.get_by_role("link", name="Dashboard").click()
    expect(admin.locator("[data-chart=yield] svg")).to_be_visible()
    expect(admin.locator("[data-chart=seconds] svg")).to_contain_text("prepare")
    expect(admin.locator("[data-chart=flags] svg")).to_be_visible()
    admin.get_by_role("link", name="Drift", exact=True).click()
    admin.wait_for_url(re.compile(r"/drift/"))
