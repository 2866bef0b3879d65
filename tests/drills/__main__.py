"""`python -m tests.drills`: the fault drill against a whole running stack; prints a table and ends with 1 on a loss.

Faults that are over at once need no alert ("-"); one that lasts is healed when its alert has come.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.alarm import Alarm, listening
from tests.drills.drill import Row, outcomes, stuck, suffer, table, wait_until_ended
from tests.drills.faults import Fault, all_faults
from tests.drills.heads import blank, make_head, write_study
from tests.drills.place import Disk, can_mount, mounted
from tests.end_to_end.installation import Installation, installed
from tests.services import reachable_folder

BLANK_EVERY = 6
BLANK_REASON = "FLAIR"
LOW_DISK_MB = 200


@dataclass(frozen=True)
class Scene:
    """A running stack, what hears its alerts, and the faults that it will suffer."""

    stack: Installation
    alarm: Alarm
    faults: list[Fault]


def main() -> int:
    """Run the drill."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--studies", type=int, default=30)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    parser.add_argument("--json", type=Path, help="where the figures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, scene() as there:
        studies, reasons = make_studies(Path(folder), arguments.studies)
        faults = [fault for fault in there.faults if arguments.only in fault.name]
        rows = run(there, Path(folder), studies, faults)
        found = outcomes(there.stack, rows, reasons)
        left = stuck(there.stack)
    print(table(found), flush=True)
    print(f"{len(studies)} studies; rows left waiting: {len(left)}")
    if arguments.json:
        arguments.json.write_text(json.dumps([one.as_dict() for one in found], indent=2) + "\n")
    return 0 if all(one.is_good for one in found) and not left else 1


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


def make_studies(folder: Path, count: int) -> tuple[list[str], dict[str, str]]:
    """Write the studies; their UIDs, and the words of the reasons of those that cannot have a result."""
    images = make_head(folder / "phantom")
    studies, reasons = [], {}
    for number in range(1, count + 1):
        is_blank = number % BLANK_EVERY == 0
        uid = write_study(blank(images) if is_blank else images, folder / f"study-{number:04d}", number)
        studies.append(uid)
        if is_blank:
            reasons[uid] = BLANK_REASON
    return studies, reasons


def run(there: Scene, folder: Path, studies: list[str], faults: list[Fault]) -> list[Row]:
    """Send the studies, let the faults come one after the other, and wait for the end of every study."""
    sender = threading.Thread(target=_send_all, args=(there.stack, folder), daemon=True)
    sender.start()
    rows = []
    for fault in faults:
        say(f"{fault.name} ...")
        rows.append(last := suffer(there.stack, fault, studies, there.alarm))
        say(f"  {len(last.in_flight)} in flight, alert {last.alert_s}, recovered {last.recovered_s:.1f} s")
    sender.join()
    wait_until_ended(there.stack, studies, say)
    return rows


def say(words: str) -> None:
    """A line with the time."""
    print(time.strftime("%H:%M:%S"), words, flush=True)


def _send_all(stack: Installation, folder: Path) -> None:
    """As a scanner does: what is not taken is sent again."""
    for study in sorted(folder.glob("study-*")):
        while stack.send(study).returncode:
            time.sleep(5)


if __name__ == "__main__":
    sys.exit(main())
