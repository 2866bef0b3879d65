"""The whole way: the phantom goes out by C-STORE and comes back as an overlay and numbers in the browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from orthanc.sr import volumes_from_sr
from tests.browser import pane_pixels
from tests.end_to_end.installation import Installation
from tests.end_to_end.studies import send_phantom

pytestmark = [pytest.mark.stack, pytest.mark.browser]
COMPARTMENTS = ("WT", "TC", "ET")


@pytest.fixture(scope="module")
def truth(phantom: Path) -> list[dict[str, Any]]:
    visits: list[dict[str, Any]] = json.loads((phantom / "truth.json").read_text())["visits"]
    return visits


@pytest.fixture(scope="module")
def results(stack: Installation, phantom: Path, truth: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The visits after they were sent and processed."""
    send_phantom(stack, phantom)
    return [stack.wait_until_ended(visit["study_uid"], within_s=600) for visit in truth]


def test_every_visit_ends_in_a_result_of_the_network_that_ran(results: list[dict[str, Any]]) -> None:
    assert [study["state"] for study in results] == ["done"] * len(results)
    for study in results:
        assert study["result"]["model"]["name"] == "phantom-demo"
        assert study["result"]["model"]["is_demo"]
        assert {"prepare", "infer", "publish"} <= study["seconds"].keys()
        assert {one["role"] for one in study["series"] if one["is_chosen"]} == {"T1", "T1CE", "T2", "FLAIR"}


def test_the_volumes_before_surgery_follow_the_truth(
    results: list[dict[str, Any]], truth: list[dict[str, Any]]
) -> None:
    for study, visit in zip(results, truth, strict=True):
        volume = study["result"]["volumes"]["WT"]
        assert volume["ml"] == pytest.approx(visit["volumes_ml"]["WT"], rel=0.3)
        assert volume["low_ml"] <= volume["ml"] <= volume["high_ml"]


def test_sr_and_api_say_the_same_numbers(stack: Installation, results: list[dict[str, Any]]) -> None:
    for study in results:
        report = stack.instance(study["result"]["dicom"]["sr_sop_uid"])
        reported = {
            region.value: {"ml": volume.ml, "low_ml": volume.low_ml, "high_ml": volume.high_ml}
            for region, volume in volumes_from_sr(report).items()
        }
        assert reported == study["result"]["volumes"]


def test_a_study_sent_twice_adds_nothing(
    stack: Installation, phantom: Path, results: list[dict[str, Any]]
) -> None:
    before = stack.count_all_instances()
    send_phantom(stack, phantom)
    stack.wait_until_journal_is_read()
    assert stack.count_all_instances() == before
    for study in results:
        again = stack.study(study["study_uid"])
        assert again["state"] == "done"
        assert [job["id"] for job in again["jobs"]] == [job["id"] for job in study["jobs"]]
        assert again["result"] == study["result"]


def test_the_worklist_shows_the_numbers_of_the_api(
    page: Page, stack: Installation, results: list[dict[str, Any]]
) -> None:
    stack.log_in(page, "radiologist")
    for study in results:
        row = page.locator(f"tr[data-study-uid='{study['study_uid']}']")
        row.wait_for()
        shown = [float(cell.get_attribute("data-ml") or "nan") for cell in row.locator("[data-ml]").all()]
        assert shown == [study["result"]["volumes"][name]["ml"] for name in COMPARTMENTS]


def test_the_viewer_opens_with_the_overlay_on_all_four_series(
    page: Page, stack: Installation, results: list[dict[str, Any]]
) -> None:
    study = results[0]
    stack.log_in(page, "radiologist")
    page.goto(f"{stack.url}/viewer/{study['study_uid']}/")
    panel = page.frame_locator("iframe")
    panel.locator("[data-jump]:enabled").first.wait_for(timeout=300_000)
    volumes = study["result"]["volumes"]
    for name in COMPARTMENTS:
        shown = panel.locator(f"[data-compartment='{name}'] [data-ml]").get_attribute("data-ml")
        assert float(shown or "nan") == volumes[name]["ml"]
    for _ in range(60):  # the last pane is drawn after the panel is told that it is there
        page.wait_for_timeout(2000)
        coloured = [_coloured(rgb) for rgb in pane_pixels(page)]
        if len(coloured) == 4 and min(coloured) > 100:
            return
    pytest.fail(f"The overlay is not on all four panes: {coloured} coloured pixels.")


def _coloured(rgb: np.ndarray) -> int:
    """Pixels with a colour: MR is grey, so they are the overlay's."""
    return int((rgb.max(axis=2) - rgb.min(axis=2) > 60).sum())
