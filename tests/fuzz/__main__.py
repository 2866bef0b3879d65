"""`python -m tests.fuzz [--files N] [--requests N]`: hostile files and requests against a whole running stack.

Prints what was sent, what was answered, and everything that should not be: a 5xx, a hostile text given back as markup,
a service that ended, an error in a log. Fails where there is anything.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from functools import partial

from tests.end_to_end.installation import Installation, installed
from tests.fuzz.mutations import KINDS
from tests.fuzz.readers import ReaderFindings, read_hostile_files
from tests.fuzz.scanner import c_store
from tests.fuzz.seeds import seed_files
from tests.fuzz.sending import FILES_AT_ONCE, send_files, show_lists
from tests.fuzz.target import Tally, Target, log_in
from tests.services import reachable_folder

TROUBLE = re.compile(r"ended with|was sent SIG|WORKER TIMEOUT|Segmentation|Internal Server Error")
PART_OF_REQUESTS = {"API": 0.6, "pages": 0.25, "paths": 0.15}


def main() -> int:
    """Run it all; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    asked = parser.parse_args()
    folder = reachable_folder()
    seeds = seed_files(folder / "seeds")
    begun = time.monotonic()
    try:
        with installed(folder / "var") as stack:
            before = pids(stack)
            tally = fuzz_stack(stack, seeds, asked)
            troubles = [*troubles_in(stack, before)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"answers took {time.monotonic() - begun:.0f} s with start and stop", flush=True)
    read = read_hostile_files(asked.first, asked.first + asked.files, seeds)
    return report(asked.files, tally, read, troubles, time.monotonic() - begun)


def fuzz_stack(stack: Installation, seeds: list[bytes], asked: argparse.Namespace) -> Tally:
    """Files first, so that the pages have something hostile to show; then requests."""
    tally = Tally()
    people = {role: one for role, one in stack.accounts.items() if "password" in one}
    target = log_in(stack.url, {role: (one["username"], one["password"]) for role, one in people.items()})
    numbers = range(asked.first, asked.first + asked.files)
    scan = partial(c_store, port=int(stack.variables["DICOM_PORT"]))
    send_files(target, numbers, seeds, tally, scan, at_once=FILES_AT_ONCE)
    stack.wait_until_journal_is_read(within_s=300)
    show_lists(target, tally)
    _ask(target, tally, asked.requests)
    show_lists(target, tally)
    return tally


def _ask(target: Target, tally: Tally, number: int) -> None:
    from tests.fuzz.asking import fuzz_api, fuzz_pages, fuzz_paths

    if not number:
        return
    studies = target.ask("viewer", "GET", "/api/studies/").json()["results"]
    uid = studies[0]["study_uid"]
    parts = {area: int(number * part) for area, part in PART_OF_REQUESTS.items()}
    fuzz_api(target, tally, uid, at_least=parts["API"])
    note_lost_sessions(target, tally, "API")
    fuzz_paths(target, tally, uid, number=parts["paths"])
    note_lost_sessions(target, tally, "paths")
    missing = number - tally.asked("API") - tally.asked("paths")
    fuzz_pages(target, tally, page_patterns(), uid, number=missing)
    note_lost_sessions(target, tally, "pages")


def note_lost_sessions(target: Target, tally: Tally, area: str) -> None:
    """A session that is lost on the way makes all requests after it those of a stranger."""
    tally.findings += [f"{role} is not logged in any more after {area}" for role in target.lost_sessions()]


def page_patterns() -> list[str]:
    """The addresses of all pages."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django

    django.setup()
    from frontend.urls import urlpatterns

    return [
        str(one.pattern)
        for one in urlpatterns
        if "^" not in str(one.pattern) and "logout" not in str(one.pattern)
    ]


def pids(stack: Installation) -> dict[str, str]:
    """Process number by service."""
    return {path.stem: path.read_text() for path in (stack.var / "run").glob("*.pid")}


def troubles_in(stack: Installation, before: dict[str, str]) -> list[str]:
    """Services that ended, and lines of logs that tell of an error."""
    after = pids(stack)
    found = [f"{name} ended" for name, pid in before.items() if after.get(name) != pid]
    for log in sorted((stack.var / "log").glob("*.log*")):
        lines = log.read_text(errors="replace").splitlines()
        for number, line in enumerate(lines):
            if TROUBLE.search(line):
                found.append(f"{log.name}: " + " | ".join(lines[number : number + 40])[-1500:])
    return found


def report(files: int, tally: Tally, read: ReaderFindings, troubles: list[str], seconds: float) -> int:
    """Print the figures and every finding; 1 where there is one."""
    print(
        f"{files} hostile files of {len(KINDS)} kinds; {read.read} read by every reader, {read.refused} refused"
    )
    print(f"{tally.scanned} of those by C-STORE were kept by Orthanc, {tally.taken} by upload")
    for area, counts in tally.statuses.items():
        print(
            f"{area:<18}{tally.asked(area):>7} requests   {tally.strangers[area]:>5} not logged in   "
            + "  ".join(f"{k} {v}" for k, v in sorted(counts.items()))
        )
    requests_made = sum(tally.asked(area) for area in tally.statuses)
    findings = [*tally.findings, *troubles, *(f"file {number}: {words}" for number, words in read.findings)]
    print(f"{requests_made} requests, {len(findings)} findings, {seconds:.0f} s")
    for one in findings:
        print(f"FOUND {one}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
