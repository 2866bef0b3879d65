"""A radiologist corrects a mask with the viewer's own tools, in the real Chromium, and the result follows."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from orthanc.client import OrthancClient
from review.models import Job, Result
from review.publish import publish_job
from tests.frontend.conftest import CorrectableStudy
from tests.frontend.test_browser import open_images, wait_for_overlay

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


def paint(page: Page) -> None:
    """Draw with the brush of the viewer, far from the tumour, on the first pane."""
    page.locator("[data-cy=Brush]").click()
    box = page.locator(".cornerstone-canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 10, steps=5)
    page.mouse.up()


def test_a_mask_edited_with_the_viewers_tools_becomes_a_measured_result_that_can_be_undone(
    reader: Page, orthanc: OrthancClient, correctable_study: CorrectableStudy
) -> None:
    study, result = correctable_study.study, correctable_study.result
    panel = open_images(reader, study)
    panel.get_by_role("button", name="Correct the mask").click()
    paint(reader)
    reader.locator("[data-cy=volumes-btn]").click()
    expect(panel.get_by_text("Changed, not saved.")).to_be_visible()
    with reader.expect_response(re.compile("/dicomweb/results/")) as answer:
        panel.get_by_role("button", name="Save the edited mask").click()
    assert answer.value.status == 202
    expect(panel.get_by_text("it is being measured").first).to_be_visible()

    job = Job.objects.claim(Job.Stage.PUBLISH, "a worker", 60)
    assert job is not None
    publish_job(job)
    edited = Result.objects.get(job=job)
    before, now = result.volumes, edited.volumes
    assert now["NC"].ml > before["NC"].ml + 1
    assert now["ET"].ml == before["ET"].ml
    assert orthanc.find_instance(edited.seg_sop_uid) is not None
    # The viewer opens the new mask by itself, and the panel says whose it is.
    expect(panel.locator("[data-compartment=NC] [data-ml]")).to_have_text(
        f"{now['NC'].ml:.2f}", timeout=60_000
    )
    expect(panel.get_by_text("Mask edited by radiologist").first).to_be_visible(timeout=60_000)
    wait_for_overlay(reader)

    panel.get_by_role("button", name="Undo the edit").click()
    expect(panel.locator("[data-compartment=NC] [data-ml]")).to_have_text(
        f"{before['NC'].ml:.2f}", timeout=60_000
    )
    expect(panel.get_by_text("1 edit taken back")).to_be_visible()
