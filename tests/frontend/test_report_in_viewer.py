"""The SR in OHIF's own reader of reports, in the real Chromium: what another viewer makes of what we write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.sr import write_sr
from orthanc.types import AlgorithmInfo
from tests.frontend.conftest import SegmentedStudy, StoredStudy
from tests.frontend.synthetic import labels_on
from tests.frontend.test_browser import open_images
from tests.orthanc.results import LESIONS, VOLUMES

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def reported_study(
    segmented_study: SegmentedStudy, stored_study: StoredStudy, orthanc: OrthancClient
) -> Iterator[SegmentedStudy]:
    """The study with one report of volumes and lesions in Orthanc; those that other tests had written are gone."""
    for series in orthanc.get_json(f"/studies/{stored_study.orthanc_id}/series"):
        if series["MainDicomTags"].get("Modality") == "SR":
            orthanc.delete_series(series["ID"])
    files = [path for path in segmented_study.files if path.parent.name.endswith("t1ce")]
    source, algorithm = read_source(files), AlgorithmInfo("synthetic truth", "1")
    seg = write_seg(labels_on(read_series(files)), source, algorithm)
    report = write_sr(VOLUMES, seg, source, algorithm, lesions=LESIONS, summary="NOT REVIEWED by anyone.")
    stored = orthanc.store(report)
    yield segmented_study
    orthanc.delete_instance(stored.orthanc_id)


def test_ohif_shows_the_report_with_volumes_lesions_and_draft(
    reader: Page, reported_study: SegmentedStudy
) -> None:
    open_images(reader, reported_study.study)
    reader.locator("[data-cy=side-panel-header-left]").click()
    # The report takes the pane that was clicked last, if no mask was put there.
    reader.locator(".cornerstone-canvas").nth(3).click(position={"x": 100, "y": 60})
    reader.get_by_text("Glioma volumes").first.dblclick()
    expect(reader.get_by_text("Oncology Measurement Report")).to_be_visible(timeout=60_000)
    shown = reader.locator("body").inner_text()
    for words in (
        "WT Whole tumour",
        "30.2",
        "Lesion 1",
        "719.1 mm2",
        "31.4 mm",
        "Temporal lobe",
        "NOT REVIEWED by",
    ):
        assert words in shown
    expect(reader.locator(".cornerstone-canvas")).to_have_count(3)
