"""The uncertainty map over the images, in the real Chromium: shown on demand, at its place, and hidden again.

The mask has the colours of a site that chose others, and the panel follows them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from playwright.sync_api import FrameLocator, Page, expect

from orthanc.client import OrthancClient
from orthanc.codes import COLOURS, Palette
from orthanc.parametric_map import write_uncertainty_map
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.types import AlgorithmInfo, MeasuredRegion, ObjectKind
from review.models import Result
from review.publish import record_objects
from tests.frontend.conftest import SegmentedStudy
from tests.frontend.synthetic import labels_on
from tests.frontend.test_browser import open_images, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]

PURPLE_PIXELS = 150
NEAR_PX = 15.0


@pytest.fixture
def mapped_study(segmented_study: SegmentedStudy, orthanc: OrthancClient) -> Iterator[SegmentedStudy]:
    """The study with a map that is undecided within 4 mm of the tumour's outline, and with a mask in other colours."""
    files = [path for path in segmented_study.files if path.parent.name.endswith("t1ce")]
    labels = labels_on(read_series(files))
    inside = sitk.Cast(labels > 0, sitk.sitkUInt8)
    away_mm = sitk.Cast(sitk.SignedMaurerDistanceMap(inside, useImageSpacing=True), sitk.sitkFloat32)
    source, algorithm = read_source(files), AlgorithmInfo("synthetic truth", "1")
    made = write_uncertainty_map(sitk.Exp(-((away_mm / 4) ** 2)), source, algorithm)
    seg = write_seg(labels, source, algorithm, palette=Palette.SAFE, result_key="safe")
    stored = [orthanc.store(one) for one in (made, seg)]
    result = segmented_study.result
    record_objects(result, ObjectKind.UNCERTAINTY, [made])
    Result.objects.filter(pk=result.pk).update(
        seg_sop_uid=seg.SOPInstanceUID, seg_series_uid=seg.SeriesInstanceUID
    )
    yield segmented_study
    for one in stored:
        orthanc.delete_instance(one.orthanc_id)


def swatch(panel: FrameLocator, compartment: str) -> list[int]:
    """The colour beside a region in the panel."""
    place = panel.locator(f".swatch.{compartment}")
    return [
        int(part)
        for part in re.findall(r"\d+", place.evaluate("one => getComputedStyle(one).backgroundColor"))
    ]


def colours(page: Page) -> list[tuple[np.ndarray, np.ndarray]]:
    """In each pane, where it is purple (the map) and where blue (oedema): (n, 2), y and x."""
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    found = []
    for pane in page.locator(".cornerstone-canvas").all():
        box = pane.bounding_box()
        assert box is not None
        left, top = int(box["x"]), int(box["y"])
        rgb = shot[top + 60 : top + int(box["height"]) - 60, left + 60 : left + int(box["width"]) - 60]
        red, green, blue = np.moveaxis(rgb, 2, 0)
        purple = (red - green > 40) & (blue - green > 40)
        found.append((np.argwhere(purple), np.argwhere((blue - red > 25) & (blue - green > 10) & ~purple)))
    return found


def test_the_map_is_shown_around_the_tumour_in_every_pane_and_hidden_again(
    reader: Page, mapped_study: SegmentedStudy
) -> None:
    panel = open_images(reader, mapped_study.study)
    for region in (MeasuredRegion.OEDEMA, MeasuredRegion.ENHANCING_TUMOUR):
        assert np.allclose(swatch(panel, region), COLOURS[Palette.SAFE][region], atol=3)
    middles = [blue.mean(axis=0) for _, blue in colours(reader)]
    assert max(len(purple) for purple, _ in colours(reader)) < 20
    panel.get_by_role("button", name="Show uncertainty").click()
    wait_until(
        reader,
        lambda: min(len(purple) for purple, _ in colours(reader)) > PURPLE_PIXELS,
        "the map in every pane",
    )
    for (purple, _), middle in zip(colours(reader), middles, strict=True):
        # A map that is upside down or on its side lies elsewhere than the tumour.
        assert np.linalg.norm(purple.mean(axis=0) - middle) < NEAR_PX
    expect(panel.get_by_role("img", name="Scale from violet")).to_be_visible()
    panel.get_by_role("button", name="Hide uncertainty").click()
    wait_until(reader, lambda: max(len(purple) for purple, _ in colours(reader)) < 20, "the map to go")


def test_a_result_without_a_map_offers_none(reader: Page, segmented_study: SegmentedStudy) -> None:
    reader.goto(f"/panel/{segmented_study.study.study_uid}/")
    expect(reader.get_by_role("heading", name="Overlay")).to_be_visible()
    expect(reader.locator("#uncertainty")).to_have_count(0)
