"""Whether what scanners send has changed: new or vanished descriptions, other timing, studies that end worse. Pure.

Every question is the same: an event had some share of a scanner's studies in the weeks before; is the count of the last
days still what chance gives? Few studies are enough where the event is that of every study from one day on, and the
limit is so strict that a year of stable data asks thousands of questions without an alarm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from statistics import quantiles

from scipy.special import betainc

REFERENCE_DAYS = 90
RECENT_DAYS = 3
"""Days on which the scanner sent something, within the last fortnight."""

LOOK_BACK_DAYS = 14
FEWEST_BEFORE = 20
"""Studies of a scanner in the weeks before; with fewer there is nothing to compare with."""

CHANCE = 1e-5
CHANCE_OF_ENDS = 1e-4
"""A rate that is never zero needs more studies to stand out, and only three rates are asked after."""

CHANCE_IN_PROTOCOL = 1e-6
"""Protocols are many, and each is asked everything again: a change in one takes at least four of its studies."""

USUAL_SHARE = 0.5
"""A description that comes with fewer studies than that may stay away for days."""

FEWEST_TIMES = 20
ENDS = {
    "incomplete": "lack one of the four series",
    "failed": "fail",
    "flagged": "are flagged as poor",
}
"""Ways in which a study ends badly, by `is_...` of a seen study, in words."""


@dataclass(frozen=True, slots=True)
class SeenSeries:
    """A description with its timing: repetition and echo time in ms, None where the header has none."""

    description: str
    repetition_ms: float | None
    echo_ms: float | None


@dataclass(frozen=True, slots=True)
class SeenStudy:
    """One study of a scanner: its day, its series, and whether it ended incomplete, failed, or was flagged.

    `protocol` is the kind of examination, as its study description names it.
    """

    study_uid: str
    scanner: str
    day: date
    series: tuple[SeenSeries, ...]
    is_incomplete: bool = False
    is_failed: bool = False
    is_flagged: bool = False
    protocol: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed on a scanner, in words; `study_uid` is the newest study that shows it."""

    scanner: str
    subject: str
    text: str
    study_uid: str


def find_drifts(studies: Iterable[SeenStudy], today: date) -> list[Drift]:
    """What changed in the last days against the weeks before, scanner by scanner.

    A change that does not stand out on the whole scanner may do so in one of its protocols: what was not found on the
    scanner is looked for in each.
    """
    by_scanner: dict[str, list[SeenStudy]] = defaultdict(list)
    first = today - timedelta(days=REFERENCE_DAYS + LOOK_BACK_DAYS)
    for study in studies:
        if first < study.day <= today:
            by_scanner[study.scanner].append(study)
    found: list[Drift] = []
    for scanner, seen in sorted(by_scanner.items()):
        told = list(_among(scanner, seen, today))
        subjects = {one.subject for one in told}
        found += told
        for protocol, many in _by_protocol(seen):
            found += (
                one
                for one in _among(f"{_name(scanner)}, {protocol}", many, today, CHANCE_IN_PROTOCOL)
                if one.subject not in subjects
            )
    return found


def _by_protocol(seen: Iterable[SeenStudy]) -> list[tuple[str, list[SeenStudy]]]:
    """The studies of each protocol, where a scanner has several."""
    grouped: dict[str, list[SeenStudy]] = defaultdict(list)
    for study in seen:
        grouped[study.protocol].append(study)
    return (
        sorted((name or "no study description", many) for name, many in grouped.items())
        if len(grouped) > 1
        else []
    )


def _among(scanner: str, seen: Sequence[SeenStudy], today: date, strictest: float = 1.0) -> Iterator[Drift]:
    first_recent = _first_recent_day(seen, today)
    before = [one for one in seen if one.day < first_recent]
    recent = sorted((one for one in seen if one.day >= first_recent), key=lambda one: one.day)
    if recent and len(before) >= FEWEST_BEFORE:
        yield from _on_scanner(scanner, before, recent, strictest)


def _first_recent_day(studies: Sequence[SeenStudy], today: date) -> date:
    """The day from which on studies count as recent: the third last on which any came."""
    days = sorted({one.day for one in studies if one.day > today - timedelta(days=LOOK_BACK_DAYS)})
    return days[-RECENT_DAYS:][0] if days else today


def _on_scanner(
    scanner: str, before: Sequence[SeenStudy], recent: Sequence[SeenStudy], strictest: float
) -> Iterator[Drift]:
    chance = min(CHANCE, strictest)
    yield from _descriptions(scanner, before, recent, chance)
    yield from _timing(scanner, before, recent, chance)
    for subject, words in ENDS.items():
        marked = attrgetter(f"is_{subject}")
        was, now = [one for one in before if marked(one)], [one for one in recent if marked(one)]
        if is_more(len(was), len(before), len(now), len(recent), min(CHANCE_OF_ENDS, strictest)):
            text = f"{_share(now, recent)} {words}, {_share(was, before)} in the weeks before."
            yield Drift(scanner, subject, f"{_name(scanner)}: {text}", now[-1].study_uid)


def _descriptions(
    scanner: str, before: Sequence[SeenStudy], recent: Sequence[SeenStudy], chance: float
) -> Iterator[Drift]:
    was, now = _by_description(before), _by_description(recent)
    gone = [
        name
        for name, many in was.items()
        if name not in now
        and len(many) >= USUAL_SHARE * len(before)
        and is_more(len(before) - len(many), len(before), len(recent), len(recent), chance)
    ]
    missing = f" Gone since: {_quoted(gone)}." if gone else ""
    for name, many in now.items():
        known = was.get(name, [])
        if is_more(len(known), len(before), len(many), len(recent), chance):
            how = f"comes more often ({_share(known, before)} in the weeks before)" if known else "is new"
            text = f"“{name}” {how}, in {_share(many, recent)}.{missing}"
            yield Drift(scanner, f"new {name}", f"{_name(scanner)}: {text}", many[-1].study_uid)
    for name in gone:
        text = f"“{name}” no longer comes; it came with {_share(was[name], before)} in the weeks before."
        yield Drift(scanner, f"gone {name}", f"{_name(scanner)}: {text}", recent[-1].study_uid)


def _timing(
    scanner: str, before: Sequence[SeenStudy], recent: Sequence[SeenStudy], chance: float
) -> Iterator[Drift]:
    for what, field in (("TR", "repetition_ms"), ("TE", "echo_ms")):
        was, now = _times(before, field), _times(recent, field)
        for name, values in now.items():
            known = [value for value, _ in was.get(name, [])]
            if len(known) < FEWEST_TIMES:
                continue
            low, high = min(known) * 0.9, max(known) * 1.1
            outside = [(value, uid) for value, uid in values if not low <= value <= high]
            if is_more(0, len(known), len(outside), len(values), chance):
                middle = quantiles(known, n=2)[0]
                text = f"“{name}” has {what} {outside[-1][0]:g} ms, {middle:g} ms in the weeks before."
                yield Drift(scanner, f"{what} {name}", f"{_name(scanner)}: {text}", outside[-1][1])


def is_more(before: int, n_before: int, recent: int, n_recent: int, chance: float) -> bool:
    """Whether so many recent events are more than chance gives, at the share that they had before."""
    if not recent:
        return False
    # Half an event more than was seen: what never happened is rare, not impossible.
    share = (before + 0.5) / (n_before + 1)
    return bool(recent > share * n_recent and betainc(recent, n_recent - recent + 1, share) < chance)


def _by_description(studies: Sequence[SeenStudy]) -> dict[str, list[SeenStudy]]:
    found: dict[str, list[SeenStudy]] = defaultdict(list)
    for study in studies:
        for name in dict.fromkeys(one.description for one in study.series):
            found[name].append(study)
    return found


def _times(studies: Sequence[SeenStudy], field: str) -> dict[str, list[tuple[float, str]]]:
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for study in studies:
        for one in study.series:
            value = getattr(one, field)
            if value is not None:
                found[one.description].append((value, study.study_uid))
    return found


def _share(some: Sequence[SeenStudy], of: Sequence[SeenStudy]) -> str:
    return f"{len(some)} of {len(of)} studies"


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f"“{name}”" for name in names)


def _name(scanner: str) -> str:
    return scanner or "Scanner not stated"
