"""A year of about 10,000 headers of three scanners, stable or with a drift from a known day on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from review.drift import Drift, SeenSeries, SeenStudy, find_drifts

START = date(2025, 1, 1)
DRIFT_DAY = START + timedelta(days=200)
KINDS = {"AX T1": (600, 9), "AX T2": (5400, 85), "AX FLAIR": (9000, 90), "T1 POST": (650, 10),
         "DWI": (4000, 80), "SWI": (28, 20), "LOC": (8, 3)}  # fmt: skip
SCANNERS = ("Prisma", "Premier", "Ingenia")
PROTOCOLS = ("mri brain tumour", "mri brain tumour", "mri brain routine", "mri stealth")
Alter = Callable[[SeenStudy], SeenStudy]


def year(seed: int) -> list[SeenStudy]:
    """About 10,000 headers in a year on three scanners: repeats, omissions, odd names, and some that end badly."""
    random = Random(seed)
    studies = []
    for number in range(1500):
        series = []
        for name, (repetition, echo) in KINDS.items():
            if name in ("SWI", "DWI", "LOC") and random.random() < 0.15:
                continue
            series.append(
                SeenSeries(name, repetition * random.uniform(0.97, 1.03), echo * random.uniform(0.99, 1.01))
            )
        if random.random() < 0.05:
            series.append(SeenSeries(f"typed by hand {random.randrange(400)}", 500.0, 20.0))
        studies.append(
            SeenStudy(
                f"1.{number}",
                random.choice(SCANNERS),
                START + timedelta(days=random.randrange(365)),
                tuple(series),
                is_incomplete=random.random() < 0.04,
                is_failed=random.random() < 0.02,
                is_flagged=random.random() < 0.03,
                protocol=PROTOCOLS[number % len(PROTOCOLS)],
            )
        )
    assert 9_500 < sum(len(one.series) for one in studies) < 10_800
    return sorted(studies, key=lambda one: one.day)


def alarms(studies: list[SeenStudy]) -> list[tuple[date, Drift]]:
    """Every drift on the first day on which it is told, as if looked for every day."""
    told: dict[tuple[str, str], tuple[date, Drift]] = {}
    for offset in range(366):
        today = START + timedelta(days=offset)
        for one in find_drifts([study for study in studies if study.day <= today], today):
            told.setdefault((one.scanner, one.subject), (today, one))
    return list(told.values())


def drifting(seed: int, alter: Alter) -> list[SeenStudy]:
    return [alter(one) if one.day >= DRIFT_DAY and one.scanner == "Prisma" else one for one in year(seed)]


def renamed(study: SeenStudy) -> SeenStudy:
    return replace(study, series=tuple(
        replace(one, description="T2 DARK FLUID") if one.description == "AX FLAIR" else one for one in study.series
    ))  # fmt: skip


def slower(study: SeenStudy) -> SeenStudy:
    return replace(study, series=tuple(
        replace(one, repetition_ms=(one.repetition_ms or 0) * 1.5) if one.description == "AX T2" else one
        for one in study.series
    ))  # fmt: skip


def incomplete(study: SeenStudy) -> SeenStudy:
    return replace(study, is_incomplete=True)


def days_of_data(studies: list[SeenStudy], until: date) -> int:
    """On how many days, from the drift on, the scanner had sent something."""
    return len({one.day for one in studies if one.scanner == "Prisma" and DRIFT_DAY <= one.day <= until})


def day_found(seed: int, alter: Alter, subject: str) -> date | None:
    """The first day on which the drift of the Prisma is told, looked for every day for a fortnight; else None."""
    window = [one for one in drifting(seed, alter) if one.day < DRIFT_DAY + timedelta(days=14)]
    for day in (DRIFT_DAY + timedelta(days=offset) for offset in range(14)):
        told = find_drifts([study for study in window if study.day <= day], day)
        if any((one.scanner, one.subject) == ("Prisma", subject) for one in told):
            return day
    return None


DRIFTS: dict[str, tuple[Alter, str]] = {
    "renamed": (renamed, "new T2 DARK FLUID"),
    "slower": (slower, "TR AX T2"),
    "incomplete": (incomplete, "incomplete"),
}
"""By name, what the scanner does from the day on, and what the alarm calls it."""
