"""The fault drill: studies are in flight, one fault follows the other, and at the end every study is accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import httpx
import psycopg2

from tests.drills.alarm import Alarm
from tests.drills.faults import Fault
from tests.drills.stand import Ending, ask, ending, in_flight, now, work_went_on
from tests.end_to_end.installation import Installation

ALERT_WITHIN_S = 60.0
HEAL_WITHIN_S = 600.0
END_WITHIN_S = 4 * 3600.0
ANSWERS_AWAY = (psycopg2.OperationalError, httpx.TransportError)


Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Row:
    """What one fault did."""

    fault: str
    in_flight: tuple[str, ...]
    alert_s: float | None
    recovered_s: float
    lasts: bool


@dataclass(frozen=True)
class Outcome:
    """A row of the table: the fault, and what became of the studies that were in flight."""

    fault: str
    in_flight: int
    lost: int
    duplicated: int
    recovered_s: float
    alert_s: float | None
    lasts: bool

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, and people were told in time where the fault lasted."""
        told = not self.lasts or (self.alert_s is not None and self.alert_s <= ALERT_WITHIN_S)
        return told and not self.lost and not self.duplicated

    def as_dict(self) -> dict[str, object]:
        """For a file of figures."""
        return asdict(self)


def suffer(stack: Installation, fault: Fault, studies: list[str], alarm: Alarm) -> Row:
    """Begin a fault, hear the alert where it lasts, heal it, and wait until all is well and work goes on."""
    flying = in_flight(stack, studies)
    began_s = time.monotonic()
    fault.begin(stack)
    began_s = time.monotonic() if not fault.alarm else began_s
    alert_s = _wait_for_alert(alarm, fault, began_s) if fault.alarm else None
    healed_s = time.monotonic()
    fault.heal(stack)
    since = _until(lambda: now(stack), HEAL_WITHIN_S)
    _until(lambda: _is_ready(stack) and (not flying or work_went_on(stack, since)), HEAL_WITHIN_S)
    recovered_s = time.monotonic() - healed_s
    if fault.alarm:
        # The next fault may be one of the same part: this outage is to be over before.
        well = fault.alarm.replace("not well", "well again")
        _until(lambda: alert_s is None or alarm.seconds_until(well, healed_s) is not None, HEAL_WITHIN_S)
    return Row(fault.name, tuple(flying), alert_s, recovered_s, bool(fault.alarm))


def _wait_for_alert(alarm: Alarm, fault: Fault, since_s: float) -> float | None:
    while time.monotonic() - since_s < 2 * ALERT_WITHIN_S:
        if (alert_s := alarm.seconds_until(fault.alarm, since_s)) is not None:
            return alert_s
        time.sleep(0.2)
    return None


def _until(ask_for: Callable[[], Answer], within_s: float) -> Answer:
    """The first answer that is something; the machine may not answer for a while."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if answer := ask_for():
                return answer
        except ANSWERS_AWAY:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"not well again within {within_s:g} s")
        time.sleep(0.2)


def _is_ready(stack: Installation) -> bool:
    return httpx.get(f"{stack.url}/ready", timeout=30).status_code == 200


def wait_until_ended(stack: Installation, studies: list[str], say: Callable[[str], None]) -> None:
    """Return when every study has ended."""
    deadline = time.monotonic() + END_WITHIN_S
    before = len(studies) + 1
    while left := in_flight(stack, studies):
        if len(left) < before:
            say(f"{len(left)} studies to go")
            before = len(left)
        assert time.monotonic() < deadline, f"{len(left)} studies did not end"
        time.sleep(2)


def outcomes(stack: Installation, rows: list[Row], reasons: dict[str, str]) -> list[Outcome]:
    """Every row with what became of its studies; `reasons` has the words of those that must end without a result."""
    studies = {uid for row in rows for uid in row.in_flight}
    ends = {uid: ending(stack, uid) for uid in studies}
    lost = {uid for uid, end in ends.items() if is_lost(end, reasons.get(uid, ""))}
    twice = {uid for uid, end in ends.items() if is_duplicated(end)}
    return [
        Outcome(
            row.fault,
            len(row.in_flight),
            len(lost.intersection(row.in_flight)),
            len(twice.intersection(row.in_flight)),
            row.recovered_s,
            row.alert_s,
            row.lasts,
        )
        for row in rows
    ]


def is_lost(end: Ending, reason: str) -> bool:
    """Whether a study has neither its one whole result nor the reason that it must end in."""
    if reason:
        return end.state != "failed" or reason not in end.reason
    return end.state != "done" or end.current_results != 1 or end.missing_images > 0


def is_duplicated(end: Ending) -> bool:
    """Whether there is more of a study than one job, one current result, and its objects."""
    return end.jobs > 1 or end.current_results > 1 or end.extra_series > 0


def stuck(stack: Installation) -> list[tuple[object, ...]]:
    """Rows that wait though nothing is in flight any more."""
    return ask(stack, "SELECT id, stage, state FROM review_job WHERE state IN ('queued', 'running')")


def table(rows: list[Outcome]) -> str:
    """The table that is printed."""
    head = f"{'fault':<28}{'in flight':>10}{'lost':>6}{'dupl.':>7}{'recovered s':>13}{'alert s':>9}"
    lines = [
        f"{row.fault:<28}{row.in_flight:>10}{row.lost:>6}{row.duplicated:>7}{row.recovered_s:>13.1f}"
        + (f"{row.alert_s:>9.1f}" if row.alert_s is not None else f"{'none!' if row.lasts else '-':>9}")
        for row in rows
    ]
    return "\n".join([head, *lines])
