"""The pictures of the README, taken from a running demo: `make screenshots`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import running_browser
from webapp.stack.plan import REPOSITORY, load_plan, var_dir
from webapp.stack.up import accounts, web_url

PICTURES = REPOSITORY / "docs" / "images"
OVERLAY_WITHIN_MS = 180_000


def main() -> int:
    """Take every picture; the demo patient must have its results."""
    base = web_url(load_plan())
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_browser() as browser:
        page = browser.new_context(viewport={"width": 1440, "height": 860}).new_page()
        _log_in(page, base)
        _shoot(page, "worklist")
        study_uid = _demo_study()
        page.goto(f"{base}/studies/{study_uid}/")
        _shoot(page, "study")
        page.goto(f"{base}/viewer/{study_uid}/")
        page.frame_locator("iframe").locator("[data-jump]:enabled").first.wait_for(timeout=OVERLAY_WITHIN_MS)
        page.wait_for_timeout(25_000)  # until every slice of the four volumes has arrived at full resolution
        _shoot(page, "viewer")
        page.goto(f"{base}/system/")
        _shoot(page, "system")
    return 0


def _log_in(page: Page, base: str) -> None:
    account = accounts()["radiologist"]
    page.goto(f"{base}/login/")
    page.fill("input[name=username]", account["username"])
    page.fill("input[name=password]", account["password"])
    page.click("button[type=submit]")
    page.wait_for_url(f"{base}/")


def _demo_study() -> str:
    truth = json.loads((_demo_folder() / "truth.json").read_text())
    return str(truth["visits"][0]["study_uid"])


def _demo_folder() -> Path:
    return var_dir() / "phantom"


def _shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
