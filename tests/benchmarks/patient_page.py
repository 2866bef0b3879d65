"""How quick the page of a patient with many visits is: `python -m tests.benchmarks.patient_page`.

Server: milliseconds until the whole page is made, the first time and again. Browser: milliseconds from asking for the
page to a drawn curve that answers a key, in headless Chromium with nothing cached. Against a private PostgreSQL that
goes away. The reference is a patient with one visit, in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import django
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from review.models import Study

FIRST = date(2023, 1, 9)
DAYS_BETWEEN = 42
REPEATS = 9
ASKED_SERVER_MS, ASKED_BROWSER_MS = 150, 1000
PASSWORD = "benchmark"

WATCH = """
document.addEventListener('readystatechange', () => {
  // All of the page is there, and its scripts have not run.
  if (document.readyState === 'interactive') {
    new MutationObserver(() => { window.drawnAt ??= performance.now(); })
      .observe(document.getElementById('curve'), { attributes: true, attributeFilter: ['data-ready'] });
  }
});
"""


def main() -> int:
    """Fill the tables, ask for the pages some times, and print medians and extremes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.patient_page")
    parser.add_argument("--visits", type=int, default=30)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    django.setup()
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        patients = {n: fill(n) for n in (1, options.visits)}
        for n, study in patients.items():
            print(f"{n} visits: server {server_ms(study)}", flush=True)
        with live_server() as address:
            for n, study in patients.items():
                print(f"{n} visits: browser {browser_ms(address, study)}", flush=True)
        print(f"asked with 30 visits: server under {ASKED_SERVER_MS} ms, browser under {ASKED_BROWSER_MS} ms")
    finally:
        teardown_databases(made, verbosity=0)
    return 0


def server_ms(study: Study) -> str:
    """The page from the view function to the last byte, by the test client: first, then again.

    Its own computing leaves out the database and whatever else runs on the machine.
    """
    from django.test import Client

    client = Client()
    client.force_login(reader())
    seconds, computing = [], []
    for _ in range(REPEATS + 1):
        start, work = time.perf_counter(), time.process_time()
        answer = client.get(f"/patients/{study.pk}/")
        seconds.append(1000 * (time.perf_counter() - start))
        computing.append(1000 * (time.process_time() - work))
        if answer.status_code != 200:
            raise RuntimeError(f"The page answered {answer.status_code}.")
    first, again = seconds[0], seconds[1:]
    spread = f"{min(again):.0f} to {max(again):.0f}"
    own = f"own computing first {computing[0]:.0f}, again {statistics.median(computing[1:]):.0f} ms"
    return f"first {first:.0f} ms, again median {statistics.median(again):.0f} ms ({spread}); {own}"


@contextmanager
def live_server() -> Iterator[str]:
    """Django's own threaded server over the rows of this run, with its static files."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.db import connection
    from django.test.testcases import LiveServerThread

    thread = LiveServerThread("127.0.0.1", StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    try:
        yield f"http://127.0.0.1:{thread.port}"
    finally:
        thread.terminate()
        # Its threads keep connections for the next request; the database could not be removed under them.
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
        with connection.cursor() as cursor:
            cursor.execute(others, [connection.settings_dict["NAME"]])


def browser_ms(address: str, study: Study) -> str:
    """From navigation to a curve that answers a key, each time in a window that has cached nothing."""
    from frontend.ohif import build
    from tests.browser import running_browser

    build.build()
    with running_browser() as browser:
        seen = [_one_visit(browser, address, study) for _ in range(REPEATS)]
    drawn, answered = zip(*seen, strict=True)
    return (
        f"drawn median {statistics.median(drawn):.0f} ms ({min(drawn):.0f} to {max(drawn):.0f}), "
        f"answers a key at median {statistics.median(answered):.0f} ms ({min(answered):.0f} to {max(answered):.0f})"
    )


def _one_visit(browser: Browser, address: str, study: Study) -> tuple[float, float]:
    context = browser.new_context(viewport={"width": 1600, "height": 900}, base_url=address)
    page = context.new_page()
    page.goto("/login/")
    page.fill("input[name=username]", str(reader().get_username()))
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{address}/")
    page.add_init_script(WATCH)
    page.goto(f"/patients/{study.pk}/")
    page.wait_for_selector("#curve[data-ready]")
    page.focus("#curve")
    page.keyboard.press("ArrowRight")
    # Waited for by selector: the policy of the page lets no text be run as a script.
    page.wait_for_selector("#chosen:not(:empty)", state="attached")
    drawn, answered = page.evaluate("[window.drawnAt, performance.now()]")
    context.close()
    return drawn, answered


def reader() -> Any:
    """The account that looks."""
    from django.contrib.auth.models import Group, User

    account, is_new = User.objects.get_or_create(username="reader")
    if is_new:
        account.set_password(PASSWORD)
        account.save()
        account.groups.add(Group.objects.get_or_create(name="radiologist")[0])
    return account


def fill(n_visits: int) -> Study:
    """A patient with a treated, recurring tumour, a scan every six weeks; gives the first study."""
    from review.models import Flag, Measurement, Study, TreatmentEvent
    from tests.review.factories import make_job, make_result, make_study

    name = f"BENCH-{n_visits}"
    for place in range(n_visits):
        study = make_study(
            f"1.9.{n_visits}.{place}",
            patient_id=name,
            patient_name="Doe^Jane",
            study_date=FIRST + timedelta(days=DAYS_BETWEEN * place),
            accession_number=f"A{n_visits}-{place}",
            description="MRI BRAIN TUMOUR",
        )
        result = make_result(make_job(study))
        enhancing = 2 + abs((place * 7) % 23 - 11)
        rows = Measurement.objects.filter(result=result, compartment="ET")
        rows.update(ml=enhancing, low_ml=0.85 * enhancing, high_ml=1.2 * enhancing)
        if place % 9 == 4:
            Flag.objects.create(result=result, reason=Flag.Reason.MOTION, by="reader")
    for kind, day, values in _treatment(n_visits):
        TreatmentEvent.objects.create(
            patient_id=name, kind=kind, on=FIRST + timedelta(days=day), by="reader", **values
        )
    return Study.objects.get(study_uid=f"1.9.{n_visits}.0")


def _treatment(n_visits: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    yield "diagnosis", 2, {"idh": "wildtype", "note": "Glioblastoma"}
    yield "surgery", 9, {"histology": "tumour"}
    yield "radiotherapy_start", 30, {}
    yield "radiotherapy_end", 72, {}
    for cycle in range(min(6, n_visits)):
        yield "chemotherapy", 100 + 28 * cycle, {"note": f"Temozolomide, cycle {cycle + 1}"}
    for place, dose in enumerate((8, 4, 2, 0)):
        yield "steroid_dose", 1 + 20 * place, {"dose_mg": dose}
    for place in range(n_visits):
        status = "stable" if place % 3 else "improved"
        yield "clinical_status", 1 + DAYS_BETWEEN * place, {"status": status}
    if n_visits > 20:
        yield "new_therapy", 600, {"note": "Lomustine"}
        yield "bevacizumab_start", 700, {}


if __name__ == "__main__":
    sys.exit(main())
