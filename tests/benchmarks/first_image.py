"""How soon a study's images stand there with the overlay: `python -m tests.benchmarks.first_image`.

Seconds from opening the study to the first image, and to the first with the overlay, in headless Chromium with nothing
cached, against the real Orthanc. The reference is OHIF's own basic mode on the same study in the same run, where the
overlay is opened from its list of series as soon as that is there. Asked: at most 1.2 times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

from tests.benchmarks.patient_page import PASSWORD, live_server, reader
from tests.browser import running_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from orthanc.client import OrthancClient

ASKED_RATIO = 1.2
WITHIN_MS = 180_000

WATCH = """
const small = new OffscreenCanvas(96, 96).getContext('2d', { willReadFrequently: true });
setInterval(() => {
  for (const canvas of document.querySelectorAll('canvas.cornerstone-canvas')) {
    if (!canvas.width) continue;
    small.drawImage(canvas, 0, 0, 96, 96);
    const pixels = small.getImageData(20, 20, 56, 56).data;
    let bright = 0, coloured = 0;
    for (let at = 0; at < pixels.length; at += 4) {
      const [red, green, blue] = pixels.slice(at, at + 3);
      bright += red + green + blue > 150;
      coloured += Math.max(red, green, blue) - Math.min(red, green, blue) > 25;
    }
    if (bright > 300) window.imageAt ??= performance.now();
    if (bright > 300 && coloured > 20) window.overlayAt ??= performance.now();
  }
}, 100);
"""


def main() -> int:
    """Open the study in both viewers in turn, and print medians and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.first_image")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    django.setup()
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        measure(options.repeats)
    finally:
        teardown_databases(made, verbosity=0)
    return 0


def measure(repeats: int) -> None:
    """Start Orthanc and the web server, and print the seconds of every opening and what they come to."""
    from django.conf import settings

    from frontend.ohif import build
    from orthanc.server.process import start_orthanc

    build.build()
    with tempfile.TemporaryDirectory() as folder, start_orthanc(Path(folder) / "orthanc") as running:
        settings.ORTHANC_URL = running.url
        settings.ORTHANC_USER, settings.ORTHANC_PASSWORD = running.username, running.password
        with running.client() as pacs:
            study_uid = fill(pacs, Path(folder) / "study")
        reader()
        with live_server() as address, running_browser() as browser:
            # Once in vain, so that neither viewer pays for what the server reads for the first time.
            open_ours(browser, address, study_uid)
            seen = [
                (open_ours(browser, address, study_uid), open_plain(browser, address, study_uid))
                for _ in range(repeats)
            ]
    ours, plain = zip(*seen, strict=True)
    for name, times in (("ours", ours), ("OHIF's basic mode", plain)):
        images, overlays = zip(*times, strict=True)
        print(f"{name}: first image {words(images)}, with overlay {words(overlays)}")
    ours_ms, plain_image_ms, plain_overlay_ms = (
        statistics.median(values)
        for values in ([one[1] for one in ours], [one[0] for one in plain], [one[1] for one in plain])
    )
    print(
        f"ours with overlay / plain with overlay: {ours_ms / plain_overlay_ms:.2f} (asked: at most {ASKED_RATIO})"
    )
    print(f"ours with overlay / plain without: {ours_ms / plain_image_ms:.2f}")


def words(times_ms: tuple[float, ...]) -> str:
    """Median and extremes in seconds."""
    median, least, most = (
        value / 1000 for value in (statistics.median(times_ms), min(times_ms), max(times_ms))
    )
    return f"{median:.1f} s ({least:.1f} to {most:.1f})"


def fill(pacs: OrthancClient, folder: Path) -> str:
    """The synthetic head with its true labels as SEG in Orthanc, and rows that say so; the study's UID."""
    from orthanc.read import read_series
    from orthanc.seg import write_seg
    from orthanc.sources import read_source
    from orthanc.study_maker import VisitDescription, make_study
    from orthanc.types import AlgorithmInfo
    from review.intake import take_study
    from tests.frontend.synthetic import labels_on, make_images
    from tests.review import factories

    files = make_study(
        make_images(), folder, VisitDescription("PAT-5", "Tester^Tamara"), uid_seed="first image"
    )
    t1ce = [path for path in files if path.parent.name.endswith("t1ce")]
    seg = write_seg(labels_on(read_series(t1ce)), read_source(t1ce), AlgorithmInfo("synthetic truth", "1"))
    stored = [pacs.store(item) for item in (*files, seg)]
    factories.default_rule()
    study = take_study(pacs, stored[0].study_orthanc_id)
    if study is None:
        raise RuntimeError("The study was not taken.")
    factories.make_result(
        factories.make_job(study), seg_sop_uid=seg.SOPInstanceUID, seg_series_uid=seg.SeriesInstanceUID
    )
    return study.study_uid


def open_ours(browser: Browser, address: str, study_uid: str) -> tuple[float, float]:
    """Milliseconds to the first image and to the overlay, from the address that the worklist opens."""
    page = new_page(browser, address)
    page.goto(f"/viewer/{study_uid}/", wait_until="commit")
    return times_of(page)


def open_plain(browser: Browser, address: str, study_uid: str) -> tuple[float, float]:
    """The same for OHIF's basic mode; the overlay is opened by a double click on the SEG in its list."""
    page = new_page(browser, address)
    page.goto(f"/ohif/basic?StudyInstanceUIDs={study_uid}", wait_until="commit")
    seg = page.locator("[data-cy=study-browser-thumbnail-no-image]", has_text="Glioma segmentation")
    seg.first.dblclick(timeout=WITHIN_MS)
    return times_of(page)


def new_page(browser: Browser, address: str) -> Page:
    """A logged-in window that notes when images and overlay appear."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=address).new_page()
    page.goto("/login/")
    page.fill("input[name=username]", "reader")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{address}/")
    page.add_init_script(WATCH)
    return page


def times_of(page: Page) -> tuple[float, float]:
    """What the page noted, in milliseconds since it was asked for."""
    page.wait_for_function("window.overlayAt", timeout=WITHIN_MS)
    image_ms, overlay_ms = page.evaluate("[window.imageAt, window.overlayAt]")
    page.context.close()
    return image_ms, overlay_ms


if __name__ == "__main__":
    sys.exit(main())
