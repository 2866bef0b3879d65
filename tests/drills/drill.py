"""The fault drill: studies are in flight, one fault follows the other, each is judged when its studies have ended."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import httpx

from tests.drills.alarm import Alarm
from tests.drills.faults import Fault
from tests.drills.stand import Ending, NotInTimeError, ask, ending, in_flight, now, until, work_went_on
from tests.end_to_end.installation import Installation

ALERT_WITHIN_S = 60.0


@dataclass(frozen=True)
class Row:
    """What one fault did. Without `recovered_s` the system was not well again within the limit."""

    fault: str
    in_flight: tuple[str, ...]
    alert_s: float | None
    recovered_s: float | None
    lasts: bool


@dataclass(frozen=True)
class Outcome:
    """A row of the table: the fault, and what became of the studies that were in flight."""

    fault: str
    in_flight: int
    lost: int
    duplicated: int
    recovered_s: float | None
    alert_s: float | None
    lasts: bool

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing twice, well again, and people were told in time where the fault lasted."""
        told = not self.lasts or (self.alert_s is not None and self.alert_s <= ALERT_WITHIN_S)
        return told and self.recovered_s is not None and not self.lost and not self.duplicated

    def as_dict(self) -> dict[str, object]:
        """For a file of figures."""
        return asdict(self)


def suffer(stack: Installation, fault: Fault, studies: list[str], alarm: Alarm, limit_s: float) -> Row:
    """Begin a fault, hear the alert where it lasts, heal it, and wait until all is well and work goes on."""
    flying = in_flight(stack, studies)
    alert_s, recovered_s = None, None
    began_s = time.monotonic()
    try:
        try:
            fault.begin(stack)
            alert_s = _wait_for_alert(alarm, fault, began_s) if fault.alarm else None
        finally:
            healed_s = time.monotonic()
            fault.heal(stack)
        recovered_s = _wait_until_well(stack, bool(flying), healed_s, limit_s)
        if alert_s is not None:
            # The next fault may be one of the same part: this outage is to be over before.
            well = fault.alarm.replace("not well", "well again")
            until(lambda: alarm.seconds_until(well, healed_s) is not None, limit_s)
    except NotInTimeError:
        recovered_s = None
    return Row(fault.name, tuple(flying), alert_s, recovered_s, bool(fault.alarm))


def _wait_until_well(stack: Installation, is_busy: bool, healed_s: float, limit_s: float) -> float:
    """The seconds since the healing after which everything answered and, where there is any, work went on."""
    since = until(lambda: now(stack), limit_s)
    until(lambda: _is_ready(stack) and (not is_busy or work_went_on(stack, since)), limit_s)
    return time.monotonic() - healed_s


def _wait_for_alert(alarm: Alarm, fault: Fault, since_s: float) -> float | None:
    while time.monotonic() - since_s < 2 * ALERT_WITHIN_S:
        if (alert_s := alarm.seconds_until(fault.alarm, since_s)) is not None:
            return alert_s
        time.sleep(0.2)
    return None


def _is_ready(stack: Installation) -> bool:
    return httpx.get(f"{stack.url}/ready", timeout=30).status_code == 200


def judged(stack: Installation, rows: list[Row], reasons: dict[str, str]) -> list[Outcome]:
    """The rows whose studies have all ended, with what became of them.

    `reasons` has the words of those that must end without a result.
    """
    open_studies = set(in_flight(stack, sorted({uid for row in rows for uid in row.in_flight})))
    return [_judge(stack, row, reasons) for row in rows if not open_studies.intersection(row.in_flight)]


def _judge(stack: Installation, row: Row, reasons: dict[str, str]) -> Outcome:
    ends = {uid: ending(stack, uid) for uid in row.in_flight}
    return Outcome(
        row.fault,
        len(ends),
        sum(is_lost(end, reasons.get(uid, "")) for uid, end in ends.items()),
        sum(is_duplicated(end) for end in ends.values()),
        row.recovered_s,
        row.alert_s,
        row.lasts,
    )


def bad_ends(stack: Installation, studies: list[str], reasons: dict[str, str]) -> dict[str, Ending]:
    """The studies that are lost or doubled, with what was found: what a red row is understood by."""
    ends = {uid: ending(stack, uid) for uid in studies}
    return {uid: end for uid, end in ends.items() if is_lost(end, reasons.get(uid, "")) or is_duplicated(end)}


def given_up(row: Row) -> Outcome:
    """A row whose studies did not end: all of them count as lost."""
    n_studies = len(row.in_flight)
    return Outcome(row.fault, n_studies, n_studies, 0, row.recovered_s, row.alert_s, row.lasts)


def is_lost(end: Ending, reason: str) -> bool:
    """Whether a study has neither its one whole result nor the reason that it must end in."""
    if reason:
        return end.state != "failed" or reason not in end.reason
    return end.state != "done" or end.current_results != 1 or end.missing_images > 0


def is_duplicated(end: Ending) -> bool:
    """Whether there is more of a study than one job for its images, one current result, and objects of results."""
    return end.jobs > 1 or end.current_results > 1 or end.extra_series > 0


def stuck(stack: Installation) -> list[tuple[object, ...]]:
    """Rows that wait though nothing is in flight any more."""
    return ask(stack, "SELECT id, stage, state FROM review_job WHERE state IN ('queued', 'running')")


HEAD = f"{'fault':<28}{'in flight':>10}{'lost':>6}{'dupl.':>7}{'recovered s':>13}{'alert s':>9}"


def line(row: Outcome) -> str:
    """A line of the table."""
    recovered = "not!" if row.recovered_s is None else f"{row.recovered_s:.1f}"
    alert = ("none!" if row.lasts else "-") if row.alert_s is None else f"{row.alert_s:.1f}"
    return f"{row.fault:<28}{row.in_flight:>10}{row.lost:>6}{row.duplicated:>7}{recovered:>13}{alert:>9}"
