"""The pages and the viewer in the real Chromium, in front of the real Orthanc."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import FilePayload, FrameLocator, Page, Route, expect

from orthanc.client import OrthancClient
from orthanc.study_maker import VisitDescription, make_study
from review.default_templates import install_default_templates
from review.models import CopiedReport, ReportTemplate, Result, Study, TemplateVersion
from tests.browser import pane_pixels
from tests.frontend.conftest import PASSWORD, SegmentedStudy
from tests.frontend.synthetic import make_images
from tests.review import factories

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]

VIEWER_MS = 90_000
"""WebGL in software on a busy machine: the first image takes 4 to 10 s when it is idle."""

RED, YELLOW, BLUE = "red", "yellow", "blue"


def row_of(page: Page, study: Study) -> str:
    return f"tr[data-study-uid='{study.study_uid}']"


def test_a_log_in_leads_to_the_worklist_and_a_log_out_away(reader: Page) -> None:
    expect(reader.get_by_role("heading", name="No study has come in yet")).to_be_visible()
    reader.get_by_role("button", name="Log out").click()
    reader.wait_for_url(re.compile("/login/"))
    expect(reader.get_by_text("not a medical device")).to_be_visible()
    reader.goto("/")
    reader.wait_for_url(re.compile(r"/login/\?next=/"))


def test_the_worklist_follows_a_study_and_the_reader_keeps_the_place(reader: Page) -> None:
    job = factories.make_job(factories.make_study(patient_name="Roe^Rita"))
    study = job.study
    row = reader.locator(row_of(reader, study))
    expect(row).to_contain_text("Queued")
    reader.keyboard.press("ArrowDown")
    expect(row).to_be_focused()
    study.move(Study.State.PROCESSING, "Registering FLAIR")
    expect(row).to_contain_text("Registering FLAIR")
    expect(row).to_be_focused()
    factories.make_result(job)
    expect(row).to_contain_text("30.20")
    expect(row.locator("[data-ml]").first).to_have_attribute("data-ml", "30.20")
    expect(row).to_be_focused()
    reader.keyboard.press("Enter")
    reader.wait_for_url(re.compile(f"StudyInstanceUIDs={study.study_uid}"))


def test_a_search_narrows_the_list_while_it_is_typed(reader: Page) -> None:
    factories.make_study("1.2.1", patient_name="Roe^Rita")
    factories.make_study("1.2.2", patient_name="Miller^Arthur")
    expect(reader.locator("tr[data-href]")).to_have_count(2)
    reader.keyboard.press("/")
    reader.keyboard.type("mill")
    expect(reader.locator("tr[data-href]")).to_have_count(1)
    expect(reader.locator("tr[data-href]")).to_contain_text("Miller, Arthur")
    # The next polls keep the search.
    reader.wait_for_timeout(2500)
    expect(reader.locator("tr[data-href]")).to_have_count(1)


def test_an_upload_shows_its_progress_and_what_became_of_every_file(
    reader: Page, orthanc: OrthancClient, tmp_path: Path
) -> None:
    factories.default_rule()
    visit = VisitDescription("PAT-UP", "Upload^Uma", study_date="20260303")
    files = make_study({"t1": make_images()["t1"]}, tmp_path / "study", visit, uid_seed="upload")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in files[:12]:
            archive.write(path, path.name)
    cut = files[20].read_bytes()[:9000]
    reader.get_by_role("link", name="Upload", exact=True).click()
    reader.locator("#files").set_input_files(
        [
            FilePayload(name="visit.zip", mimeType="application/zip", buffer=packed.getvalue()),
            FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"not an image"),
            FilePayload(name="cut.dcm", mimeType="application/dicom", buffer=cut),
        ]
    )
    expect(reader.locator("#summary")).to_have_text("12 files taken, 2 files not taken.")
    assert reader.locator("#progress").evaluate("bar => bar.value") == 100
    refused = reader.locator("#answers tr", has_text="not taken")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="notes.txt")).to_contain_text("DICOM")
    reader.get_by_role("link", name="To the worklist").click()
    expect(reader.locator("tr[data-href]")).to_contain_text("Upload, Uma")
    expect(reader.get_by_text("2 files could not be taken")).to_be_visible()


def test_files_that_were_chosen_before_the_script_had_come_are_sent_too(
    reader: Page, orthanc: OrthancClient, tmp_path: Path
) -> None:
    notes = FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"not an image")
    held: list[Route] = []
    reader.route("**/upload*.js", lambda route: held.append(route))
    reader.get_by_role("link", name="Upload", exact=True).click()
    wait_until(reader, lambda: bool(held), "the page asking for its script")
    reader.locator("#files").set_input_files([notes])
    held[0].continue_()
    expect(reader.locator("#summary")).to_have_text("0 files taken, 1 file not taken.")


def panel_of(page: Page) -> FrameLocator:
    return page.frame_locator("[data-cy=glioma-panel]")


def open_images(page: Page, study: Study) -> FrameLocator:
    """Open the viewer and wait until the overlay is on all four panes."""
    page.goto(f"/viewer/{study.study_uid}/")
    return wait_for_overlay(page)


def wait_for_overlay(page: Page) -> FrameLocator:
    panel = panel_of(page)
    expect(panel.locator("[data-jump]:enabled").first).to_be_visible(timeout=VIEWER_MS)
    wait_until(
        page, lambda: min(pane[BLUE] for pane in overlay_pixels(page)) > 50, "the overlay in every pane"
    )
    return panel


def overlay_pixels(page: Page) -> list[dict[str, int]]:
    """In each pane, how many pixels have the colours of the segments (MR itself is grey)."""
    counts = []
    # Marks and text of the viewer are bluish too, and lie at the edges.
    for rgb in pane_pixels(page, above=100, below=60, beside=60):
        red, green, blue = np.moveaxis(rgb, 2, 0)
        counts.append(
            {
                RED: int(((red - green > 50) & (red - blue > 40)).sum()),
                YELLOW: int(((red - blue > 50) & (green - blue > 50)).sum()),
                BLUE: int(((blue - red > 25) & (blue - green > 10)).sum()),
            }
        )
    return counts


def wait_until(page: Page, holds: Callable[[], bool], what: str) -> None:
    for _ in range(240):
        if holds():
            return
        page.wait_for_timeout(500)
    pytest.fail(f"Waited 120 s in vain for {what}.")


def scrolled_away(page: Page) -> bool:
    """Scroll some slices down, and say whether the tumour has left every pane."""
    for _ in range(4):
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(50)
    return max(pane[BLUE] for pane in overlay_pixels(page)) < 20


def test_the_viewer_shows_four_series_by_role_with_the_overlay_on_each(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    panel = open_images(reader, segmented_study.study)
    wait_until(
        reader,
        lambda: [min(pane.values()) > 50 for pane in overlay_pixels(reader)] == [True] * 4,
        "all three colours in four panes",
    )
    for role, description in (("T1CE", "T1"), ("FLAIR", "FLAIR"), ("T1", "T1"), ("T2", "T2")):
        expect(reader.get_by_text(role, exact=True).first).to_be_visible()
        expect(reader.get_by_text(re.compile(description)).first).to_be_visible()
    volumes = segmented_study.result.volumes
    for compartment, volume in volumes.items():
        shown = panel.locator(f"[data-compartment={compartment}] [data-ml]")
        expect(shown).to_have_text(f"{volume.ml:.2f}")
    expect(panel.get_by_text("FLAIR is thick.", exact=True)).to_be_visible()
    expect(panel.get_by_text("Research use, not a medical device.", exact=True)).to_be_visible()


def test_the_panel_hides_segments_changes_their_style_and_finds_the_tumour(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    panel = open_images(reader, segmented_study.study)
    shown = overlay_pixels(reader)

    panel.get_by_role("button", name="Show enhancing tumour").click()
    wait_until(
        reader,
        lambda: all(pane[RED] < 20 and pane[BLUE] > 50 for pane in overlay_pixels(reader)),
        "the red to go and the blue to stay",
    )
    panel.get_by_role("button", name="Show enhancing tumour").click()
    wait_until(reader, lambda: min(pane[RED] for pane in overlay_pixels(reader)) > 50, "the red to come back")

    panel.get_by_text("Outline", exact=True).click()
    wait_until(
        reader,
        lambda: all(
            0 < now[BLUE] < 0.6 * before[BLUE]
            for now, before in zip(overlay_pixels(reader), shown, strict=True)
        ),
        "the fill to go and the outline to stay",
    )

    reader.locator(".cornerstone-canvas").first.hover()
    wait_until(reader, lambda: scrolled_away(reader), "slices without tumour")
    panel.get_by_role("button", name="Jump to whole tumour").click()
    wait_until(
        reader, lambda: min(pane[BLUE] for pane in overlay_pixels(reader)) > 20, "the tumour in every pane"
    )

    # The same by keyboard while the images have the focus.
    reader.locator(".cornerstone-canvas").first.click(position={"x": 200, "y": 30})
    reader.keyboard.press("o")
    wait_until(reader, lambda: max(pane[BLUE] for pane in overlay_pixels(reader)) < 20, "the overlay to go")


def test_a_result_that_arrives_while_the_images_are_open_appears_by_itself(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    study, result = segmented_study.study, segmented_study.result
    Study.objects.filter(pk=study.pk).update(current_result=None)
    study.move(Study.State.PROCESSING, "Segmenting, view 2 of 3")
    reader.goto(f"/viewer/{study.study_uid}/")
    panel = panel_of(reader)
    expect(panel.get_by_text("Segmenting, view 2 of 3")).to_be_visible(timeout=VIEWER_MS)
    expect(panel.locator("[data-jump]")).to_have_count(0)
    Result.objects.get(pk=result.pk).make_current()
    study.move(Study.State.DONE, "")
    expect(panel.get_by_text("30.20", exact=True)).to_be_visible(timeout=VIEWER_MS)
    wait_for_overlay(reader)


def test_a_radiologist_flags_a_compartment_in_two_clicks_undoes_and_accepts(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    study = segmented_study.study
    reader.goto(f"/panel/{study.study_uid}/")
    row = reader.locator("[data-compartment=ET]")
    reader.get_by_role("button", name="Flag enhancing tumour as poor").click()
    reader.get_by_role("button", name="Other", exact=True).click()
    expect(reader.get_by_role("alert").filter(has_text="Say in words")).to_be_visible()
    reader.get_by_role("button", name="Ventricle or choroid plexus labelled").click()
    expect(row).to_have_class(re.compile("struck"))
    expect(reader.locator("[data-compartment=ED]")).not_to_have_class(re.compile("struck"))
    expect(reader.locator(".flag")).to_contain_text("ventricle or choroid plexus labelled")
    reader.get_by_role("button", name="Undo").click()
    expect(row).not_to_have_class(re.compile("struck"))
    expect(reader.get_by_text("1 flag taken back")).to_be_visible()
    reader.get_by_role("button", name="Accept").click()
    expect(reader.locator(".reviewed")).to_contain_text("radiologist")
    reader.goto(f"/studies/{study.study_uid}/")
    expect(reader.locator(".reviewed")).to_contain_text("radiologist")
    reader.get_by_role("button", name="Flag as poor").click()
    reader.get_by_role("button", name="Motion").click()
    expect(reader.locator("tr.struck")).to_have_count(5)
    reader.goto("/")
    expect(reader.locator(f"tr[data-study-uid='{study.study_uid}']")).to_contain_text("flagged")


def test_a_radiologist_copies_the_report_text_and_is_told_when_it_no_longer_holds(
    reader: Page, segmented_study: SegmentedStudy
) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    study = segmented_study.study
    reader.goto(f"/studies/{study.study_uid}/")
    reader.get_by_role("button", name="Copy").first.click()
    expect(reader.locator("#copies summary")).to_have_text("1 copy taken")
    # Pasted where a radiologist would paste it: into a text field of the same browser.
    reader.evaluate("() => document.body.prepend(document.createElement('textarea'))")
    reader.locator("body > textarea").focus()
    reader.keyboard.press("Control+V")
    pasted = reader.locator("body > textarea").input_value()
    kept = CopiedReport.objects.get()
    assert pasted == kept.text
    for volume in segmented_study.result.volumes.values():
        assert f"{volume.ml:.2f} mL ({volume.low_ml:.2f} to {volume.high_ml:.2f} mL)" in pasted
    reader.get_by_role("button", name="Flag as poor").click()
    reader.get_by_role("button", name="Motion").click()
    expect(reader.locator(".stale-copy")).to_contain_text("no longer holds")


def test_an_admin_sees_the_preview_of_a_template_while_typing(
    page: Page, accounts: dict[str, User], segmented_study: SegmentedStudy
) -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    page.goto("/login/?next=/templates/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="English", exact=True).click()
    expect(page.locator("#preview")).to_contain_text("Whole tumour: 30.20 mL")
    page.get_by_label("Words").fill("Visit of {{ study_dat }}")
    expect(page.locator("#preview")).to_contain_text("Line 1, “study_dat”: there is no such variable.")
    page.get_by_label("Words").fill("Visit of {{ study_date }}")
    expect(page.locator("#preview")).to_contain_text("Visit of 20")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
