"""The patients' pages in the real Chromium, under the content policy of our pages."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from frontend.ohif import build
from review.models import FollowerState, Result, TreatmentEvent
from review.services_of_review import flag_as_poor
from tests.browser import running_browser
from tests.frontend.conftest import PASSWORD
from tests.frontend.test_lesion_curves import show
from tests.frontend.test_patient_pages import make_visit

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    build.build()
    with pytest.MonkeyPatch.context() as patch, running_browser() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def oncologist(browser: Browser, live_server: LiveServer, accounts: dict[str, User]) -> Iterator[Page]:
    """A window of somebody who reads."""
    yield from window_of("viewer", browser, live_server)


@pytest.fixture
def entering(browser: Browser, live_server: LiveServer, accounts: dict[str, User]) -> Iterator[Page]:
    """A window of somebody who may enter treatment."""
    yield from window_of("radiologist", browser, live_server)


def window_of(role: str, browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """Whatever the console complains of, a refusal by the policy too, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server.url)
    window = context.new_page()
    complaints: list[str] = []
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on(
        "console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None
    )
    # Chromium writes a line for every 4xx; a 409 is how the API refuses with a reason, which the tests read.
    FollowerState.load().beat()
    window.goto("/login/")
    window.get_by_label("User name").fill(role)
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Log in").click()
    window.wait_for_url(re.compile(r"/$"))
    yield window
    context.close()
    assert [one for one in complaints if "409 (Conflict)" not in one] == []


def make_course(n: int = 3) -> list[Result]:
    first = date(2025, 1, 10)
    sizes = ["6.80", "0.40", "2.10"]
    return [make_visit(k, first + timedelta(days=47 * k), sizes[k % 3]) for k in range(n)]


def open_patient(page: Page, result: Result) -> None:
    page.goto(f"/patients/{result.study_id}/")
    expect(page.locator("#curve[data-ready]")).to_be_visible()


def test_an_oncologist_finds_a_patient_and_reads_the_change(oncologist: Page) -> None:
    make_course()
    make_visit(9, date(2025, 2, 2), patient_id="X-1", patient_name="Roe^Rita")
    oncologist.get_by_role("link", name="Patients").click()
    oncologist.wait_for_url(re.compile(r"/patients/$"))
    oncologist.keyboard.press("/")
    oncologist.keyboard.type("doe")
    oncologist.keyboard.press("Enter")
    expect(oncologist.locator("tr[data-href]")).to_have_count(1)
    oncologist.keyboard.press("ArrowDown")
    oncologist.keyboard.press("Enter")
    expect(oncologist.get_by_role("heading", name="Doe, Jane")).to_be_visible()
    curve = oncologist.locator("#curve")
    expect(curve.get_by_text("Smallest ET")).to_be_visible()
    expect(oncologist.locator("[data-region=ET]")).to_have_text(["6.80", "0.40", "2.10"])
    curve.focus()
    oncologist.keyboard.press("ArrowRight")
    oncologist.keyboard.press("ArrowRight")
    expect(oncologist.locator("#chosen")).to_contain_text(
        "2025-02-26. counts. Enhancing tumour: 0.40 mL (95 % interval 0.20 to 0.80)"
    )
    expect(oncologist.locator("tr.chosen [data-region=ET]")).to_have_text("0.40")


def test_regions_scale_and_time_change_the_curve(oncologist: Page) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    curve = oncologist.locator("#curve")
    oncologist.locator("#axis").select_option("weeks-first")
    expect(curve.get_by_text("Weeks since the first visit (2025-01-10)")).to_be_visible()
    oncologist.locator("#scale").select_option("log")
    # 0.40 mL is shown, so the axis begins at 0.1 mL; without it at 1 mL.
    expect(curve.get_by_text("0.1", exact=True)).to_be_visible()
    expect(curve.get_by_text("0.01", exact=True)).to_have_count(0)
    oncologist.get_by_label("Enhancing tumour").uncheck()
    expect(curve.get_by_text("0.1", exact=True)).to_have_count(0)
    oncologist.get_by_label("Enhancing tumour").check()
    drawn = curve.locator("path").count()
    oncologist.get_by_label("Oedema").check()
    assert curve.locator("path").count() > drawn


def test_a_flagged_visit_leaves_the_curve_while_it_is_looked_at(oncologist: Page) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    curve = oncologist.locator("#curve")
    expect(curve.locator("path[stroke-dasharray]").first).to_be_attached()
    expect(curve.locator("path[stroke='#7f8d9b']")).to_have_count(0)
    flag_as_poor(results[1], reason="missed", by="radiologist")
    expect(oncologist.locator("tr.uncounted")).to_contain_text("Flagged: Missed tumour.", timeout=15_000)
    # Grey and hollow in the curve: one point for each region that is shown.
    expect(curve.locator("path[stroke='#7f8d9b']")).to_have_count(2)


def test_the_curve_is_saved_as_picture_and_as_table(oncologist: Page, tmp_path: Path) -> None:
    results = make_course()
    open_patient(oncologist, results[0])
    for name, first in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", b"study_date")):
        with oncologist.expect_download() as download:
            oncologist.get_by_text(name, exact=True).click()
        download.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(first)


def test_a_click_on_a_point_opens_its_images(oncologist: Page) -> None:
    results = make_course(1)
    open_patient(oncologist, results[0])
    box = oncologist.locator("#curve path[fill='#ff6b5e']").last.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    oncologist.mouse.move(*middle)
    expect(oncologist.locator(".hover")).to_contain_text("Enhancing tumour: 6.80 mL")
    with oncologist.expect_request(re.compile(f"/viewer/{results[0].study.study_uid}/")):
        oncologist.mouse.click(*middle)
    oncologist.goto("about:blank")


def enter(page: Page, kind: str, on: str, **values: str) -> None:
    page.get_by_label("Event", exact=True).select_option(label=kind)
    page.get_by_label("Date", exact=True).fill(on)
    for label, value in values.items():
        page.get_by_label(label).fill(value)


def test_surgery_and_radiotherapy_that_are_entered_change_curve_and_response_at_once(entering: Page) -> None:
    results = make_course()
    open_patient(entering, results[0])
    expect(entering.get_by_text("Not entered, and the rules ask for it")).to_be_visible()
    entering.get_by_role("button", name="Enter an event").click()
    enter(entering, "Surgery", "2025-01-15", Note="left frontal")
    entering.get_by_role("button", name="Save and enter another").click()
    expect(entering.locator("[data-event]")).to_have_count(1)
    enter(entering, "Radiotherapy, end", "2025-02-20")
    entering.get_by_role("button", name="Save", exact=True).click()
    expect(entering.locator("#event-dialog")).not_to_be_visible()
    expect(entering.locator("[data-response]")).to_have_text(["not rated", "baseline", "PD"])
    curve = entering.locator("#curve")
    for words in ("Baseline, Nadir", "Radiotherapy", "Surgery", "PD?"):
        expect(curve.get_by_text(words, exact=True)).to_be_visible()
    expect(entering.locator("[data-event]").first).to_contain_text("radiologist")
    entering.locator("#axis").select_option("days-surgery")
    expect(curve.get_by_text("Days since surgery (2025-01-15)")).to_be_visible()
    with entering.expect_download() as download:
        entering.get_by_text("CSV", exact=True).click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [row["suggested_response"] for row in rows] == ["not rated", "baseline", "PD"]
    assert [row["ET_ml"] for row in rows] == entering.locator("[data-region=ET]").all_inner_texts()
    expect(entering.locator("[data-change]").last).to_contain_text(f"+{rows[2]['since_nadir_ml']} mL")


def test_an_event_is_corrected_and_removed_and_a_refusal_is_read(entering: Page) -> None:
    results = make_course(1)
    open_patient(entering, results[0])
    entering.get_by_role("button", name="Enter an event").click()
    enter(entering, "Steroid dose", "2999-01-01", Dexamethasone="8")
    entering.get_by_role("button", name="Save", exact=True).click()
    expect(entering.locator("#event-error")).to_contain_text("2999-01-01 lies in the future.")
    enter(entering, "Steroid dose", "2025-01-12", Dexamethasone="8")
    entering.keyboard.press("Enter")
    row = entering.locator("[data-event]")
    expect(row).to_contain_text("Steroid dose: 8 mg a day")
    row.get_by_role("button", name="Correct").click()
    expect(entering.get_by_label("Dexamethasone")).to_have_value("8.0")
    entering.get_by_label("Dexamethasone").fill("4")
    entering.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("Steroid dose: 4 mg a day")
    row.get_by_role("button", name="Remove").click()
    expect(entering.locator("#remove-words")).to_have_text("2025-01-12, Steroid dose: 4 mg a day")
    entering.locator("#remove-dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    expect(entering.get_by_text("Removed or corrected (2)")).to_be_visible()


def test_a_person_chooses_the_baseline_and_the_curve_marks_it(entering: Page) -> None:
    results = make_course()
    open_patient(entering, results[0])
    entering.get_by_role("button", name="How it is read").click()
    entering.get_by_label("Baseline").select_option("2025-01-10")
    entering.get_by_label("Setting").select_option("recurrent")
    entering.locator("#reading-dialog").get_by_role("button", name="Save").click()
    expect(entering.locator("[data-response]")).to_have_text(["baseline", "PR", "PD"])
    expect(entering.get_by_text("recurrent; by volume")).to_be_visible()
    expect(entering.locator("#curve").get_by_text("Baseline", exact=True)).to_be_visible()
    entering.get_by_role("button", name="How it is read").click()
    expect(entering.get_by_label("Baseline")).to_have_value(results[0].study.study_uid)


def test_hovering_shows_the_arithmetic_and_a_day_of_treatment_its_words(oncologist: Page) -> None:
    results = make_course(3)
    for kind, on in (("surgery", "2025-01-15"), ("radiotherapy_end", "2025-02-20")):
        TreatmentEvent.objects.create(patient_id="PAT-7", kind=kind, on=on, by="ray", note=f"by {kind}")
    open_patient(oncologist, results[0])
    for word in ("Whole tumour", "Enhancing tumour"):
        expect(oncologist.get_by_label(word)).to_be_checked()
    box = oncologist.locator("#curve path[fill='#ff6b5e']").last.bounding_box()
    assert box is not None
    oncologist.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    hover = oncologist.locator(".hover")
    for words in ("Since the nadir of 2025-02-26: +1.70 mL (", "PD from +40 %", "Chance that noise alone"):
        expect(hover).to_contain_text(words)
    mark = oncologist.locator("#curve path[fill='#3d5f80']").first.bounding_box()
    assert mark is not None
    oncologist.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    expect(hover).to_contain_text("2025-01-15")
    expect(hover).to_contain_text("Surgery: by surgery")


def test_each_lesion_is_a_line_under_its_number_and_opens_its_images(oncologist: Page) -> None:
    results = make_course(2)
    open_patient(oncologist, results[0])
    expect(oncologist.get_by_label("Each lesion")).not_to_be_visible()
    show(results[0], a=(6.8, "first", []))
    show(results[1], a=(0.3, "same", []), b=(0.1, "new", []))
    open_patient(oncologist, results[0])
    oncologist.get_by_label("Each lesion").check()
    curve = oncologist.locator("#curve")
    expect(curve.get_by_text("1", exact=True)).to_have_count(2)
    expect(curve.get_by_text("2", exact=True)).to_have_count(1)
    number = curve.get_by_text("2", exact=True).bounding_box()
    assert number is not None
    oncologist.mouse.move(number["x"] + number["width"] / 2, number["y"] + number["height"] / 2)
    expect(oncologist.locator(".hover")).to_contain_text("Lesion 2: 0.10 mL enhancing")
    expect(oncologist.locator(".hover")).to_contain_text("new")


def test_odd_identities_are_shown_above_the_curve_and_nothing_is_merged(oncologist: Page) -> None:
    first, second = date(2025, 1, 10), date(2025, 2, 26)
    twice = {"patient_id": "P-A", "accession_number": "ACC-1"}
    one_day = {"patient_id": "P-B"}
    told = {
        "One accession number (ACC-1) has 2 studies.": [
            make_visit(1, first, **twice), make_visit(2, second, "2.10", **twice)
        ],
        "One day (2025-01-10) has 2 studies.": [
            make_visit(3, first, study_time="09:00", **one_day),
            make_visit(4, first, "2.10", study_time="14:00", **one_day),
        ],
        "The studies of this patient tell different birth dates: 1960-01-01, 1961-01-01.": [
            make_visit(5, first, patient_id="P-C", patient_birth_date=date(1960, 1, 1)),
            make_visit(6, second, "2.10", patient_id="P-C", patient_birth_date=date(1961, 1, 1)),
        ],
    }  # fmt: skip
    for words, visits in told.items():
        open_patient(oncologist, visits[0])
        warning = oncologist.locator(".identity li")
        expect(warning).to_contain_text(words)
        box, curve = warning.bounding_box(), oncologist.locator("#curve").bounding_box()
        assert box is not None
        assert curve is not None
        assert box["y"] < curve["y"]
        # Both stay, each with its own numbers and its way to the study.
        expect(oncologist.locator("[data-region=ET]")).to_have_text(["6.80", "2.10"])
        for number, visit in enumerate(visits, start=1):
            expect(warning.get_by_role("link", name=f"study {number}")).to_have_attribute(
                "href", f"/studies/{visit.study.study_uid}/"
            )
    open_patient(oncologist, told["One day (2025-01-10) has 2 studies."][0])
    expect(oncologist.locator("tr.uncounted")).to_contain_text("A later scan of the same day speaks for it.")
    oncologist.locator(".identity").get_by_role("link", name="study 2").click()
    oncologist.wait_for_url(re.compile(r"/studies/1\.2\.826\.4/$"))


def test_two_visits_are_picked_on_the_curve_and_compared(oncologist: Page) -> None:
    results = make_course(3)
    open_patient(oncologist, results[0])
    oncologist.locator("#curve").focus()
    for key in ("ArrowLeft", "c"):
        oncologist.keyboard.press(key)
    box = oncologist.locator("#curve path[fill='#ff6b5e']").nth(1).bounding_box()
    assert box is not None
    oncologist.keyboard.down("Shift")
    oncologist.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    oncologist.keyboard.up("Shift")
    expect(oncologist.locator("#chosen")).to_contain_text("To compare: 2025-02-26 with 2025-04-14.")
    oncologist.get_by_role("button", name="Side by side").click()
    oncologist.wait_for_url(re.compile(r"/compare/1\.2\.826\.1/1\.2\.826\.2/$"))


def test_the_plots_of_the_cohort_are_drawn_and_open_a_patient(oncologist: Page) -> None:
    results = make_course(3)
    for kind, on in (("surgery", "2025-01-15"), ("radiotherapy_end", "2025-02-20")):
        TreatmentEvent.objects.create(patient_id="PAT-7", kind=kind, on=on, by="ray")
    oncologist.goto("/cohort/?first=2025-01-01&last=2025-12-31&show=progression")
    for plot in ("#waterfall", "#spider"):
        expect(oncologist.locator(f"{plot}[data-ready]")).to_be_visible()
        expect(oncologist.locator(plot).get_by_text("PD", exact=True).first).to_be_visible()
    expect(oncologist.get_by_text("+425 % (")).to_be_visible()
    bar = oncologist.locator("#waterfall path[fill='#ff9d5c']").bounding_box()
    assert bar is not None
    oncologist.mouse.click(bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    oncologist.wait_for_url(re.compile(f"/patients/{results[2].study_id}/"))
