"""The admin's day in the real Chromium: a scanner renames its FLAIR, and the waiting studies run again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from frontend.ohif import build
from review.intake import record_study
from review.models import Job, RuleSetVersion, Study
from review.rule_versions import rules_in_force
from review.sweeper import sweep
from tests.browser import running_browser
from tests.frontend.conftest import PASSWORD
from tests.review import factories
from tests.review.conftest import install_model, model, sent  # noqa: F401
from tests.review.test_rule_sets import renamed_studies, rule, save

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    build.build()
    with pytest.MonkeyPatch.context() as patch, running_browser() as running:
        # Playwright keeps an event loop in this thread, which Django takes for a sign of async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def admin(browser: Browser, live_server: LiveServer, accounts: dict[str, User]) -> Iterator[Page]:
    """A window in which an admin has logged in; an uncaught error of any script fails the test."""
    factories.default_rule()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server.url)
    window = context.new_page()
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    window.on(
        "console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None
    )
    window.goto("/login/?next=/rules/")
    window.get_by_label("User name").fill("admin")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Log in").click()
    window.wait_for_url(re.compile(r"/rules/$"))
    yield window
    context.close()
    assert errors == []


def test_a_renamed_flair_is_found_tried_saved_and_the_waiting_studies_run(
    admin: Page,
    model: Path,  # noqa: F811
    sent: list[str],  # noqa: F811
) -> None:
    four = [replace(one, series_uid=f"done.{one.series_uid}", study_uid="9.done") for one in factories.FOUR]
    record_study(factories.study_header(*four, study_uid="9.done", orthanc_id="o-done"))
    renamed_studies(14)
    assert Study.objects.filter(state=Study.State.WAITING).count() == 14

    admin.get_by_role("link", name="Inbox").click()
    row = admin.locator("tr[data-description='XQ 7']")
    expect(row).to_contain_text("14")
    row.get_by_role("button", name="FLAIR").click()
    expect(admin.locator("#counts")).to_contain_text("14 newly processed")
    expect(admin.locator("#counts")).to_contain_text("0 no longer processed")
    expect(admin.locator("#trial tbody tr")).to_have_count(14)
    admin.get_by_label("Why").fill("The Prisma calls its FLAIR XQ 7 since Monday")
    admin.get_by_role("button", name="Save and put in force").click()
    expect(admin.get_by_text("A series whose series description is “XQ 7” is FLAIR here.")).to_be_visible()

    sweep()
    version = RuleSetVersion.objects.order_by("-number").first()
    assert version is not None
    # The job that was queued before, and not begun, follows the new version; the fourteen are new.
    jobs = Job.objects.filter(rule_set=version.number).exclude(study__study_uid="9.done")
    assert (version.by, jobs.count(), sent.count("prepare")) == ("admin", 14, 15)
    admin.get_by_role("link", name="Inbox").click()
    expect(admin.locator("tr[data-description='XQ 7']")).to_have_count(0)


def test_a_rule_is_made_with_nested_conditions_and_values_seen_on_site(admin: Page) -> None:
    renamed_studies(2)
    admin.get_by_role("link", name="New rule").click()
    admin.get_by_label("Name", exact=True).fill("Thin FLAIR")
    which = admin.locator("#conditions")
    which.get_by_role("button", name="Add a group").click()
    which.get_by_label("How they are joined").select_option("one_series")
    inner = which.locator(".group")
    inner.get_by_role("button", name="Add a condition").click()
    inner.get_by_label("Value").click()
    expect(inner.locator("datalist option[value='XQ 7']")).to_have_count(1)
    inner.get_by_label("Value").fill("XQ 7")
    inner.get_by_role("button", name="Add a condition").click()
    inner.get_by_label("What").nth(1).select_option("SliceThickness")
    inner.get_by_label("At most").fill("6")
    admin.get_by_role("button", name="Take into the draft").click()
    expect(
        admin.get_by_text(
            "one and the same series has (a series description contains “XQ 7” and a slice thickness"
        )
    ).to_be_visible()
    admin.get_by_role("link", name="Thin FLAIR").click()
    expect(admin.locator("#conditions .condition")).to_have_count(2)
    expect(admin.get_by_label("At most")).to_have_value("6")


def test_a_pattern_that_could_stall_is_refused_in_the_form(admin: Page) -> None:
    admin.get_by_role("link", name="New rule").click()
    admin.get_by_label("Name", exact=True).fill("Odd")
    admin.locator("#conditions").get_by_role("button", name="Add a condition").click()
    admin.get_by_label("Test").select_option("matches")
    admin.get_by_label("Value").fill(r"(a+)+\1$")
    admin.get_by_role("button", name="Take into the draft").click()
    expect(admin.get_by_role("alert")).to_contain_text("is refused")
    expect(admin.get_by_label("Value")).to_have_value(r"(a+)+\1$")


def test_rules_are_ordered_by_keyboard_and_by_dragging(admin: Page) -> None:
    save(rule("first"), rule("second"), rule("third"))
    admin.reload()
    names = admin.locator("#rules h2")
    expect(names).to_have_text(["first", "second", "third"])
    admin.get_by_role("button", name="Move first down").focus()
    admin.keyboard.press("Enter")
    expect(names).to_have_text(["second", "first", "third"])
    admin.locator("#rules li").nth(2).drag_to(
        admin.locator("#rules li").nth(0), target_position={"x": 40, "y": 5}
    )
    expect(names).to_have_text(["third", "second", "first"])
    assert [one["name"] for one in rules_in_force()] == ["first", "second", "third"]
