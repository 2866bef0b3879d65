"""The heartbeat of a running stack: a phantom goes the whole way by itself, is judged, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.drills.stand import ask
from tests.end_to_end.installation import Installation, installed
from tests.services import reachable_folder

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.drill]
ENDS_WITHIN_S = 1800.0


@pytest.fixture(scope="module")
def beating() -> Iterator[Installation]:
    """A stack whose last heartbeat was an hour ago: the next is due now, and the one after that in an hour."""
    variables = {"HEARTBEAT_MINUTES": "60", "HEARTBEAT_LATE_MINUTES": "50", "MODEL": "phantom-demo"}
    with installed(reachable_folder() / "var", **variables) as running:
        ask(
            running,
            "INSERT INTO review_heartbeat (began_at, asked_at, study_uid, true_ml, words, ended_at)"
            " VALUES (now() - interval '61 min', now(), '', '{}', '', now())",
        )
        yield running


@pytest.fixture
def reader(beating: Installation, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    beating.log_in(page, "radiologist")
    yield page
    page.close()


def in_lists(stack: Installation, page: Page) -> list[str]:
    """The clinical lists in which the phantom is seen."""
    with stack.api() as client:
        listed = client.get("studies/").json()["results"]
    seen = ["API"] if listed else []
    for address in ("/", "/patients/", "/cohort/"):
        page.goto(f"{stack.url}{address}")
        if "HEARTBEAT" in page.content() or "Heartbeat^Phantom" in page.content():
            seen.append(address)
    return seen


def test_a_phantom_goes_through_a_running_stack_and_leaves_nothing_behind(
    beating: Installation, reader: Page
) -> None:
    newest = "SELECT is_well, words, ended_at FROM review_heartbeat ORDER BY began_at DESC LIMIT 1"
    known = "SELECT state FROM review_study WHERE is_heartbeat"
    deadline = time.monotonic() + ENDS_WITHIN_S
    states: set[str] = set()
    while (verdict := ask(beating, newest)[0])[0] is None or verdict[2] is None:
        assert time.monotonic() < deadline, (verdict, states)
        states |= {state for (state,) in ask(beating, known)}
        assert in_lists(beating, reader) == []
        time.sleep(1)
    is_well, words, _ = verdict
    assert is_well, words
    assert words.startswith("Went through")
    assert "processing" in states
    assert ask(beating, known) == []
    assert beating.count_all_instances() == 0
    assert "glioma_heartbeat_well 1.0" in httpx.get(f"{beating.url}/metrics").text
    reader.goto(f"{beating.url}/system/")
    expect(reader.get_by_text("Went through")).to_be_visible()
