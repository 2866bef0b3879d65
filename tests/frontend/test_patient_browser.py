"""The patients' pages in the real Chromium, under the content policy of our pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from frontend.ohif import build
from review.models import FollowerState, Result
from review.services_of_review import flag_as_poor
from tests.browser import running_browser
from tests.frontend.conftest import PASSWORD
from tests.frontend.test_patient_pages import make_visit

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    build.build()
    with pytest.MonkeyPatch.context() as patch, running_browser() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def oncologist(browser: Browser, live_server: LiveServer, accounts: dict[str, User]) -> Iterator[Page]:
    """A window of a reader; whatever the console complains of, a refusal by the policy too, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server.url)
    window = context.new_page()
    complaints: list[str] = []
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on(
        "console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None
    )
    FollowerState.load().beat()
    window.goto("/login/")
    window.get_by_label("User name").fill("viewer")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Log in").click()
    window.wait_for_url(re.compile(r"/$"))
    yield window
    context.close()
    assert complaints == []


def make_course(n: int = 3) -> list[Result]:
    first = date(2025, 1, 10)
    sizes = ["6.80", "0.40", "2.10"]
    return [make_visit(k, first + timedelta(days=47 * k), sizes[k % 3]) for k in range(n)]


def open_patient(page: Page, result: Result) -> None:
    page.goto(f"/patients/{result.study_id}/")
    expect(page.locator("#curve[data-ready]")).to_be_visible()


def test_an_oncologist_finds_a_patient_and_reads_the_change(oncologist: Page) -> None:
    make_course()
    make_visit(9, date(2025, 2, 2), patient_id="X-1", patient_name="Roe^Rita")
    oncologist.get_by_role("link", name="Patients").click()
    oncologist.wait_for_url(re.compile(r"/patients/$"))
    oncologist.keyboard.press("/")
    oncologist.keyboard.type("doe")
    oncologist.keyboard.press("Enter")
    expect(oncologist.locator("tr[data-href]")).to_have_count(1)
    oncologist.keyboard.press("ArrowDown")
    oncologist.keyboard.press("Enter")
    expect(oncologist.get_by_role("heading", name="Doe, Jane")).to_be_visible()
    curve = oncologist.locator("#curve")
    expect(curve.get_by_text("Smallest ET")).to_be_visible()
    expect(oncologist.locator("[data-region=ET]")).to_have_text(["6.80", "0.40", "2.10"])
    curve.focus()
    oncologist.keyboard.press("ArrowRight")
    oncologist.keyboard.press("ArrowRight")
    expect(oncologist.locator("#chosen")).to_contain_text(
        "2025-02-26. counts. Enhancing tumour: 0.40 mL (95 % interval 0.20 to 0.80)"
    )
    expect(oncologist.locator("tr.chosen [data-region=ET]")).to_have_text("0.40")


def test_regions_scale_and_time_change_the_curve(oncologist: Page) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    curve = oncologist.locator("#curve")
    oncologist.locator("#axis").select_option("weeks-first")
    expect(curve.get_by_text("Weeks since the first visit (2025-01-10)")).to_be_visible()
    oncologist.locator("#scale").select_option("log")
    expect(curve.get_by_text("0.1", exact=True)).to_be_visible()
    drawn = curve.locator("path").count()
    oncologist.get_by_label("Oedema").check()
    assert curve.locator("path").count() > drawn


def test_a_flagged_visit_leaves_the_curve_while_it_is_looked_at(oncologist: Page) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    curve = oncologist.locator("#curve")
    expect(curve.locator("path[stroke-dasharray]").first).to_be_attached()
    expect(curve.locator("path[stroke='#7f8d9b']")).to_have_count(0)
    flag_as_poor(results[1], reason="missed", by="radiologist")
    expect(oncologist.locator("tr.uncounted")).to_contain_text("Flagged: Missed tumour.", timeout=10_000)
    # Grey and hollow in the curve: one point for each region that is shown.
    expect(curve.locator("path[stroke='#7f8d9b']")).to_have_count(2)


def test_the_curve_is_saved_as_picture_and_as_table(oncologist: Page, tmp_path: Path) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    for name, first in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", b"study_date")):
        with oncologist.expect_download() as download:
            oncologist.get_by_text(name, exact=True).click()
        download.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(first)


def test_a_click_on_a_point_opens_its_images(oncologist: Page) -> None:
    results = make_course(1)
    open_patient(oncologist, results[0])
    box = oncologist.locator("#curve path[fill='#ff6b5e']").last.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    oncologist.mouse.move(*middle)
    expect(oncologist.locator(".hover")).to_contain_text("Enhancing tumour: 6.80 mL")
    with oncologist.expect_request(re.compile(f"/viewer/{results[0].study.study_uid}/")):
        oncologist.mouse.click(*middle)
    oncologist.goto("about:blank")
