"""A day of a large site, compressed: `python -m tests.benchmarks.load [--studies 600] [--workers 1,2,4] [--at-once]`.

Nothing is a stub: studies of a small head come by C-STORE, are registered, skull-stripped, segmented by the demo model
and published, between real servers. Each worker is bound to one core, so that "linear as far as the cores allow" can be
read from the table. `--at-once` sends all studies together: how much lies on the disk then, and what urgent ones wait.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from orthanc.errors import OrthancUnavailableError
from orthanc.send import Destination, send_files
from tests.benchmarks.load_day import DAY_S, Arrival, at_once, day
from tests.benchmarks.load_figures import DayFigures, Work, figures
from tests.benchmarks.load_site import URGENT_WARD, Site, site
from tests.drills.drill import is_duplicated, is_lost
from tests.drills.heads import make_head, write_study
from tests.drills.stand import ask, ending, in_flight

SCANNERS = 4
STUDY_S = 6.0
"""The day is so long for each of its studies, if nothing else is said: about as fast as two cores can work."""
PREPARE_AHEAD_OF, OF_STUDIES = 40, 500
"""As many prepared studies may wait as the product lets at a site of 500; of fewer studies fewer, in proportion."""
LOOK_EVERY_S = 1.0
STUDY_WITHIN_S = 300.0


@dataclass(frozen=True)
class Peaks:
    """The most that was seen while the day went on."""

    prepared: int
    artefacts_mb: float
    worker_mb: float


@dataclass(frozen=True)
class Run:
    """One day with so many workers."""

    figures: DayFigures
    processor_s: float
    """Of the workers, for one study: tells the work apart from what other programs took of the cores."""
    lost: int
    duplicated: int
    peaks: Peaks


def main() -> int:
    """Run the day once for each number of workers and print a line for each."""
    options = _options()
    faster = f"{DAY_S / options.lasts_s:.0f} times as fast as the day"
    how = "all at once" if options.at_once else f"in {options.lasts_s / 60:.1f} min, {faster}"
    cores = len(os.sched_getaffinity(0))
    say(f"{options.studies} studies {how}; {cores} cores, load {os.getloadavg()[0]:.1f} at the beginning")
    plan = at_once(options.studies) if options.at_once else day(options.studies, options.lasts_s)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        say("making the studies ...")
        studies = make_studies(Path(folder), plan)
        print(HEAD, flush=True)
        for workers in options.workers:
            runs.append(run(workers, plan, Path(folder), studies, ahead_of(options.studies)))
            print(line(runs[-1], runs[0]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in runs], indent=2) + "\n")
    return 0 if not any(one.lost or one.duplicated or one.figures.overtaken for one in runs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("--studies", type=int, default=600)
    parser.add_argument(
        "--workers", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2, 4]
    )
    parser.add_argument(
        "--minutes", type=float, help=f"length of the day; default {STUDY_S:g} s for each study"
    )
    parser.add_argument("--at-once", action="store_true", help="all studies together, the urgent ones last")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    options.lasts_s = options.minutes * 60 if options.minutes else options.studies * STUDY_S
    return options


def ahead_of(studies: int) -> int:
    """How many prepared studies may wait."""
    return max(2, PREPARE_AHEAD_OF * studies // OF_STUDIES)


def make_studies(folder: Path, plan: list[Arrival]) -> list[str]:
    """A study of its own for every arrival; their UIDs."""
    images = make_head()
    return [
        write_study(
            images, folder_of(folder, one), one.number, ward=URGENT_WARD if one.is_urgent else "ROUTINE-"
        )
        for one in plan
    ]


def folder_of(folder: Path, arrival: Arrival) -> Path:
    """Where the files of a study are."""
    return folder / f"study-{arrival.number:04d}"


def run(workers: int, plan: list[Arrival], folder: Path, studies: list[str], prepare_ahead: int) -> Run:
    """Let the day happen once."""
    with site(workers, prepare_ahead) as place:
        sender = threading.Thread(target=send_day, args=(place.to, plan, folder), daemon=True)
        sender.start()
        began_s = sum(processor_s(process.pid) for process in place.workers)
        peaks = watch_until_ended(place, studies)
        sender.join()
        used_s = sum(processor_s(process.pid) for process in place.workers) - began_s
        ends = [ending(place.stack, uid) for uid in studies]
        lost = sum(is_lost(end, "") for end in ends)
        found = figures(workers, read_work(place))
        return Run(found, used_s / found.done, lost, sum(map(is_duplicated, ends)), peaks)


def send_day(to: Destination, plan: list[Arrival], folder: Path) -> None:
    """Send every study, and what is late of it, at its time."""
    parcels = [
        (one.at_s + late_s, [path for path in files if path.exists()])
        for one in plan
        for late_s, files in split(one, folder_of(folder, one))
    ]
    began_s = time.monotonic()
    with ThreadPoolExecutor(SCANNERS) as scanners:
        for at_s, files in sorted(parcels):
            time.sleep(max(began_s + at_s - time.monotonic(), 0))
            scanners.submit(send_until_taken, files, to)


def split(arrival: Arrival, folder: Path) -> list[tuple[float, list[Path]]]:
    """Seconds after the arrival -> the files that come then."""
    files = sorted(folder.rglob("*.dcm"))
    if not arrival.late_s:
        return [(0.0, files)]
    late = [path for path in files if "flair" in path.parent.name]
    return [(0.0, [path for path in files if path not in late]), (arrival.late_s, late)]


def send_until_taken(files: list[Path], to: Destination) -> None:
    """As scanners do: what was not taken is sent again."""
    while True:
        try:
            if not send_files(files, to).failed:
                return
        except OrthancUnavailableError:
            time.sleep(1)


def watch_until_ended(place: Site, studies: list[str]) -> Peaks:
    """Wait for the last study, and note the most that lay on the disk and in a worker's memory."""
    deadline = time.monotonic() + STUDY_WITHIN_S * len(studies)
    prepared, artefacts_mb, worker_mb = 0, 0.0, 0.0
    while left := in_flight(place.stack, studies):
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(left)} studies did not end")
        for process in place.workers:
            if process.poll() is not None:
                raise AssertionError(f"a worker ended with {process.returncode}")
        waiting = "SELECT count(*) FROM review_job WHERE stage = 'infer' AND state = 'queued'"
        prepared = max(prepared, ask(place.stack, waiting)[0][0])
        artefacts_mb = max(artefacts_mb, folder_mb(place.artefacts))
        worker_mb = max(worker_mb, *(resident_mb(process.pid) for process in place.workers))
        time.sleep(LOOK_EVERY_S)
    return Peaks(prepared, artefacts_mb, worker_mb)


def folder_mb(folder: Path) -> float:
    """What the files below a folder take; those that go away meanwhile take nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total / 1e6


def children(pid: int) -> list[Path]:
    """What the kernel tells of the processes that Dramatiq's master has started: the worker is one of them."""
    return [Path("/proc") / child for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Memory of a worker."""
    lines = [line.split() for one in children(pid) for line in (one / "status").read_text().splitlines()]
    return max(int(words[1]) for words in lines if words[0] == "VmRSS:") / 1e3


def processor_s(pid: int) -> float:
    """Processor time of a worker since it began, that of the processes it started and saw end with it."""
    times = [(one / "stat").read_text().rsplit(")", 1)[1].split()[11:15] for one in children(pid)]
    return sum(int(ticks) for four in times for ticks in four) / os.sysconf("SC_CLK_TCK")


def read_work(place: Site) -> list[Work]:
    """Every job of the day."""
    rows = ask(
        place.stack,
        "SELECT priority > 0, extract(epoch FROM queued_first_at), extract(epoch FROM started_at),"
        " extract(epoch FROM finished_at), seconds FROM review_job WHERE state = 'done'",
    )
    return [Work(*(row[0], *map(float, row[1:4]), row[4])) for row in rows]


HEAD = (
    f"{'workers':>7}{'done':>6}{'/hour':>8}{'/worker':>9}{'speed-up':>10}{'work s':>8}{'CPU s':>7}"
    f"{'1st wait s':>13}{'all waits s':>14}{'urgent s':>13}"
    f"{'passed':>8}{'lost':>6}{'dupl.':>7}{'prepared':>10}{'disk MB':>9}{'RSS MB':>8}"
)
"""Waits are median/95 %: before the first stage, before all three, and all three of urgent studies."""


def line(run: Run, first: Run) -> str:
    """A row of the table."""
    one, peaks = run.figures, run.peaks
    waits = [
        f"{half:.0f}/{most:.0f}" for half, most in (one.first_wait_s, one.whole_wait_s, one.urgent_wait_s)
    ]
    return (
        f"{one.workers:>7}{one.done:>6}{one.per_hour:>8.0f}{one.per_hour / one.workers:>9.0f}"
        f"{one.per_hour / first.figures.per_hour:>10.2f}{one.work_s:>8.1f}{run.processor_s:>7.1f}"
        f"{waits[0]:>13}{waits[1]:>14}{waits[2]:>13}"
        f"{one.overtaken:>8}{run.lost:>6}{run.duplicated:>7}"
        f"{peaks.prepared:>10}{peaks.artefacts_mb:>9.0f}{peaks.worker_mb:>8.0f}"
    )


def say(words: str) -> None:
    """A line with the time."""
    print(time.strftime("%H:%M:%S"), words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
