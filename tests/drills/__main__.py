"""`python -m tests.drills`: the fault drill against a whole running stack; prints a table and ends with 1 on a loss.

Faults that are over at once need no alert ("-"); one that lasts is healed when its alert has come. A row is printed and
kept in a file as soon as the studies of its fault have ended; `--resume` goes on with the faults that have none.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.alarm import Alarm, listening
from tests.drills.drill import HEAD, Row, bad_ends, given_up, judged, line, stuck, suffer
from tests.drills.faults import Fault, all_faults
from tests.drills.ledger import Ledger
from tests.drills.place import Disk, can_mount, mounted
from tests.drills.stand import NotInTimeError, in_flight, until
from tests.drills.supply import Supply
from tests.end_to_end.installation import REPOSITORY, Installation, installed
from tests.services import reachable_folder

LOW_DISK_MB = 200
BEGIN_WITHIN_S = 1200.0
END_WITHIN_S = 3600.0
"""For every study that is in flight when the last fault is over, a tenth of this; at least this."""


@dataclass(frozen=True)
class Scene:
    """A running stack, what hears its alerts, and the faults that it will suffer."""

    stack: Installation
    alarm: Alarm
    faults: list[Fault]


def main() -> int:
    """Run the drill."""
    options = _options()
    # An interrupted drill takes its stack down and unmounts its disk.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    ledger = Ledger(options.into, resume=options.resume)
    with tempfile.TemporaryDirectory() as folder, scene() as there:
        faults = [
            fault
            for fault in there.faults
            if any(words in fault.name for words in options.faults) and fault.name not in ledger.rows
        ]
        try:
            left = drill(there, Path(folder), faults, ledger, options)
        finally:
            print("\n".join([HEAD, *map(line, ledger.rows.values())]))
            print(f"kept in {options.into}", flush=True)
    print(f"jobs left waiting: {left}")
    return 0 if all(row.is_good for row in ledger.rows.values()) and not left else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--studies", type=int, default=30, help="kept in flight (default 30)")
    parser.add_argument(
        "--faults",
        type=lambda text: [words.strip() for words in text.split(",")],
        default=[""],
        help="those whose name holds one of these, separated by commas",
    )
    parser.add_argument("--limit", type=float, default=600, help="seconds in which all must be well again")
    parser.add_argument("--into", type=Path, default=REPOSITORY / "var" / "drill.json", help="where rows go")
    parser.add_argument("--resume", action="store_true", help="only the faults without a row in that file")
    return parser.parse_args()


@contextmanager
def scene() -> Iterator[Scene]:
    """A stack of its own, with the demo model."""
    root = reachable_folder()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        alarm = stack.enter_context(listening())
        disk: Disk | None = stack.enter_context(mounted(root)) if can_mount() else None
        artefacts = root / "artefacts"
        artefacts.mkdir(exist_ok=True)
        running = stack.enter_context(
            installed(
                root / "var",
                MODEL="phantom-demo",
                ALERT_WEBHOOK_URL=alarm.url,
                ARTEFACTS_DIR=str(artefacts),
                LOW_DISK_MB=str(LOW_DISK_MB),
                ALERT_QUIET_MINUTES="0",  # the drill breaks the same part twice
            )
        )
        yield Scene(running, alarm, all_faults(disk, artefacts))


def drill(
    there: Scene, folder: Path, faults: list[Fault], ledger: Ledger, options: argparse.Namespace
) -> int:
    """Let the faults come one after the other and wait for the end of every study; how many jobs are left over."""
    rows: list[Row] = []
    with Supply(there.stack, folder, options.studies) as supply:
        until(lambda: len(in_flight(there.stack, supply.studies)) >= options.studies, BEGIN_WITHIN_S)
        say(f"{options.studies} studies are in flight")
        for fault in faults:
            say(f"{fault.name} ...")
            rows.append(suffer(there.stack, fault, supply.studies, there.alarm, options.limit))
            _keep(ledger, there, rows, supply)
        supply.stop()
        _wait_until_ended(there, supply)
        _keep(ledger, there, rows, supply)
        for study_uid, end in bad_ends(there.stack, supply.studies, supply.reasons).items():
            say(f"{study_uid}: {end}")
        open_rows = {row.fault for row in rows} - ledger.rows.keys()
        ledger.keep(given_up(row) for row in rows if row.fault in open_rows)
    return len(stuck(there.stack))


def _keep(ledger: Ledger, there: Scene, rows: list[Row], supply: Supply) -> None:
    """Print and keep what is known by now; later faults may have harmed earlier rows, so those are looked at again."""
    for outcome in ledger.keep(judged(there.stack, rows, supply.reasons)):
        say(line(outcome))


def _wait_until_ended(there: Scene, supply: Supply) -> None:
    left = len(in_flight(there.stack, supply.studies))
    say(f"{left} of {len(supply.studies)} studies to go")
    try:
        until(lambda: not in_flight(there.stack, supply.studies), max(END_WITHIN_S, left * END_WITHIN_S / 10))
    except NotInTimeError:
        say(f"{len(in_flight(there.stack, supply.studies))} studies did not end")


def say(words: str) -> None:
    """A line with the time."""
    print(time.strftime("%H:%M:%S"), words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
