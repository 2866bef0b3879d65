"""The viewer's layouts, single regions, keys, pictures, and the way through the worklist, in the real Chromium."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.conftest import SegmentedStudy
from tests.frontend.test_browser import (
    BLUE,
    RED,
    VIEWER_MS,
    YELLOW,
    overlay_pixels,
    panel_of,
    wait_for_overlay,
    wait_until,
)
from tests.review import factories

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]

PICTURE = """async () => {
  const [item] = await navigator.clipboard.read();
  const bitmap = await createImageBitmap(await item.getType('image/png'));
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  let blue = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    blue += pixels[at + 2] - pixels[at] > 25 && pixels[at + 2] - pixels[at + 1] > 10;
  }
  return [bitmap.width, blue];
}"""


def test_layouts_single_regions_and_a_picture(reader: Page, segmented_study: SegmentedStudy) -> None:
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.goto(f"/viewer/{segmented_study.study.study_uid}/")
    panel = wait_for_overlay(reader)

    panel.get_by_role("button", name="Enhancing tumour", exact=True).click()
    wait_until(
        reader,
        lambda: all(pane[BLUE] < 20 and pane[RED] > 20 for pane in overlay_pixels(reader)),
        "the oedema to go and the enhancing tumour to stay",
    )
    panel.get_by_role("button", name="Enhancing tumour", exact=True).click()
    wait_until(
        reader, lambda: min(pane[BLUE] for pane in overlay_pixels(reader)) > 50, "everything to come back"
    )

    panel.get_by_role("button", name="Picture to clipboard").click()
    expect(panel.locator("#picture-outcome")).to_contain_text("in the clipboard", timeout=60_000)
    width, blue = reader.evaluate(PICTURE)
    assert width > 600
    assert blue > 200

    panel.get_by_text("Two large", exact=True).click()
    reader.wait_for_url(re.compile("stageid=two"))
    wait_for_overlay(reader)
    expect(reader.locator(".cornerstone-canvas")).to_have_count(2)
    expect(reader.get_by_text("FLAIR", exact=True).first).to_be_visible()
    # The next layout by its key, with the images in focus.
    reader.locator(".cornerstone-canvas").first.click(position={"x": 200, "y": 30})
    reader.keyboard.press("g")
    reader.wait_for_url(re.compile("stageid=with-without"))
    expect(panel.locator("[data-jump]:enabled").first).to_be_visible(timeout=VIEWER_MS)
    wait_until(
        reader,
        lambda: [pane[BLUE] + pane[YELLOW] > 50 for pane in overlay_pixels(reader)] == [True, False],
        "one pane with and one without the overlay",
    )
    reader.keyboard.press("?")
    expect(panel.get_by_role("dialog", name="Keys")).to_contain_text("Show one region alone")


def test_a_mask_that_cannot_be_had_is_named_in_the_panel(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    objects = re.compile(rf"/series/{re.escape(segmented_study.result.seg_series_uid)}/instances/")
    reader.route(objects, lambda route: route.abort())
    reader.goto(f"/viewer/{segmented_study.study.study_uid}/")
    panel = panel_of(reader)
    expect(panel.locator("#masks")).to_contain_text(
        "The outline is missing over T1CE, FLAIR, T1, T2", timeout=2 * VIEWER_MS
    )
    reader.unroute(objects)
    panel.get_by_role("button", name="Load again").click()
    wait_for_overlay(reader)
    expect(panel.locator("#masks")).to_be_empty()


def test_previous_and_next_follow_the_worklist_that_was_left(reader: Page) -> None:
    for number, state in enumerate(("done", "failed", "done"), start=1):
        factories.make_study(f"1.2.{number}", patient_name=f"Roe^{number}", state=state)
    reader.goto("/?show=done&order=patient")
    row = reader.locator("tr[data-href]").first
    expect(row).to_contain_text("Roe, 1")
    row.focus()
    reader.keyboard.press("Enter")
    reader.wait_for_url(re.compile(r"StudyInstanceUIDs=1\.2\.1&list="))
    # Orthanc has none of them, so that the viewer shows no panel: its page is opened as the viewer would.
    reader.goto(f"/panel/1.2.1/?{urlencode({'list': 'show=done&order=patient'})}")
    expect(reader.get_by_role("heading", name="Roe, 1")).to_be_visible()
    expect(reader.get_by_role("link", name="‹ Previous")).to_have_count(0)
    # The failed one between them is not on that list; the list comes along.
    onward = re.compile(r"/viewer/1\.2\.3/\?list=show%3Ddone%26order%3Dpatient$")
    expect(reader.get_by_role("link", name="Next ›")).to_have_attribute("href", onward)
    reader.get_by_role("link", name="Worklist").click()
    reader.wait_for_url(re.compile(r"/\?show=done&order=patient$"))
