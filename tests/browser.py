"""The real browser of the tests: Debian's Chromium, with WebGL in software."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

FLAGS = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("Chromium is not installed (on Debian: apt install chromium).")
    # A page on a busy machine may take its time; what never comes still fails.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def pane_pixels(page: Page, *, above: int = 0, below: int = 0, beside: int = 0) -> list[np.ndarray]:
    """The viewer's panes as they are drawn now, RGB (rows, columns, 3), without margins of so many pixels."""
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    panes = []
    for pane in page.locator(".cornerstone-canvas").all():
        box = pane.bounding_box()
        assert box is not None
        left, top, right, bottom = (
            int(edge) for edge in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
        )
        panes.append(shot[top + above : bottom - below, left + beside : right - beside])
    return panes
