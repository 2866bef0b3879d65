"""The pictures of every page and of the viewer's layouts, taken from a running demo: `make screenshots`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import running_browser
from tests.every_page import Places, page_addresses, rule_named_in
from webapp.stack.plan import REPOSITORY, load_plan, var_dir
from webapp.stack.up import accounts, web_url

PICTURES = REPOSITORY / "docs" / "images"
OVERLAY_WITHIN_MS = 180_000
LAYOUTS = {"viewer": "four", "viewer-two": "two", "viewer-with-without": "with-without"}


def main() -> int:
    """Take every picture; the demo patient must have its results."""
    base = web_url(load_plan())
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_browser() as browser:
        page = _window(browser, base, "")
        page.goto("/login/")
        _shoot(page, "login")
        admin = _window(browser, base, "admin")
        places = _places(admin)
        for name, address in page_addresses(places).items():
            admin.goto(address)
            _shoot(admin, name)
        reader = _window(browser, base, "radiologist")
        # These again with the buttons of a verdict, which admins do not have.
        for name in ("worklist", "study", "panel"):
            reader.goto(page_addresses(places)[name])
            _shoot(reader, name)
        for name, stage in LAYOUTS.items():
            reader.goto(f"/ohif/viewer?StudyInstanceUIDs={places.study_uid}&stageid={stage}")
            panel = reader.frame_locator("iframe")
            panel.locator("[data-jump]:enabled").first.wait_for(timeout=OVERLAY_WITHIN_MS)
            reader.wait_for_timeout(25_000)  # until every slice has arrived at full resolution
            _shoot(reader, name)
    return 0


def _window(browser: Browser, base: str, role: str) -> Page:
    """A window of its own, logged in as the demo's account of a role; a stranger's where none is named."""
    page = browser.new_context(viewport={"width": 1440, "height": 860}, base_url=base).new_page()
    if role:
        account = accounts()[role]
        page.goto("/login/")
        page.fill("input[name=username]", account["username"])
        page.fill("input[name=password]", account["password"])
        page.click("button[type=submit]")
        page.wait_for_url(f"{base}/")
    return page


def _places(page: Page) -> Places:
    """What the demo's addresses are made of, read from its own pages."""
    truth = json.loads((_demo_folder() / "truth.json").read_text())
    page.goto("/patients/")
    patient = _first(r"/patients/(\d+)/", page.content())
    page.goto("/templates/")
    template = _first(r"/templates/(\d+)/", page.content())
    page.goto("/rules/")
    return Places(
        str(truth["visits"][0]["study_uid"]), int(patient), int(template), rule_named_in(page.content())
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"The demo has nothing like {pattern} on its page.")
    return found.group(1)


def _demo_folder() -> Path:
    return var_dir() / "phantom"


def _shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)
    page.wait_for_load_state("networkidle")  # pictures that the server makes when first asked for
    page.screenshot(path=PICTURES / f"{name}.png")
    print(PICTURES / f"{name}.png", flush=True)


if __name__ == "__main__":
    sys.exit(main())
