"""The film strip in the real Chromium, with images of the real Orthanc."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from review.models import Flag
from review.services_of_review import flag_as_poor
from tests.frontend.conftest import CorrectableStudy
from tests.review import factories

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]

WAIT_MS = 60_000


@pytest.fixture
def strip(correctable_study: CorrectableStudy) -> CorrectableStudy:
    """A visit with images and mask, one before it whose images are gone and which is flagged."""
    later = correctable_study.study
    before = factories.make_visit_before(later)
    gone = factories.make_result(factories.make_job(before, series_key="before"), t1ce_series_uid="1.2.77.1")
    flag_as_poor(gone, reason=Flag.Reason.MOTION, by="radiologist")
    return correctable_study


def test_a_reader_goes_through_the_levels_and_opens_a_visit(
    reader: Page, strip: CorrectableStudy, tmp_path: Path
) -> None:
    reader.goto(f"/patients/{strip.study.pk}/")
    reader.get_by_role("link", name="Film strip").click()
    expect(reader.locator("#film[data-ready]")).to_be_visible(timeout=WAIT_MS)
    cells = reader.locator(".film-cell")
    expect(cells).to_have_count(2)
    expect(cells.first.get_by_text("The images cannot be shown.")).to_be_visible(timeout=WAIT_MS)
    expect(cells.first.get_by_text("no mask")).to_be_visible(timeout=WAIT_MS)
    expect(cells.nth(1).get_by_text("no mask")).to_be_hidden()
    expect(cells.first).to_contain_text("2026-01-01")
    expect(cells.first).to_contain_text("flagged")
    expect(cells.first).to_contain_text("not aligned")
    expect(cells.first.locator("s")).to_contain_text("ET 6.80 mL")
    for kind in ("grey", "mask"):
        # All of it has come.
        reader.wait_for_function(
            f"() => document.querySelectorAll('.film-cell .{kind}')[1].naturalWidth === 9 * 192",
            timeout=WAIT_MS,
        )
    slider, mask = reader.get_by_label("Level"), cells.nth(1).locator(".mask")
    level = int(slider.input_value())
    expect(reader.locator("#level-words")).to_have_text(f"{level} of 54, from below")
    place = mask.evaluate("one => one.style.transform")
    reader.keyboard.press("ArrowUp")
    expect(slider).to_have_value(str(level + 1))
    assert mask.evaluate("one => one.style.transform") != place
    slider.fill("1")
    expect(reader.locator("#level-words")).to_have_text("1 of 54, from below")
    reader.keyboard.press("o")
    expect(mask).to_be_hidden()
    reader.keyboard.press("o")
    expect(mask).to_be_visible()
    slider.fill(str(level))
    reader.screenshot(path=tmp_path / "film.png")
    reader.locator("h1").click()
    reader.keyboard.press("ArrowLeft")
    expect(cells.nth(1).get_by_role("link")).to_be_focused()
    reader.keyboard.press("ArrowLeft")
    expect(cells.first.get_by_role("link")).to_be_focused()
    reader.keyboard.press("ArrowRight")
    reader.keyboard.press("Enter")
    reader.wait_for_url(re.compile(rf"StudyInstanceUIDs={re.escape(strip.study.study_uid)}"), timeout=WAIT_MS)
