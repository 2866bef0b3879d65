"""A simulated drift of known day is found within three days of data; stable years stay quiet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest
from django.utils import timezone

from orthanc.types import SeriesHeader
from review.drift import Drift, SeenSeries, SeenStudy, find_drifts
from review.drift_watch import raise_drift_alerts
from review.intake import record_study
from review.models import Alert, Study
from review.sweeper import sweep
from tests.review.factories import FLAIR, FOUR, T1, T1CE, T2, study_header

START = date(2025, 1, 1)
DRIFT_DAY = START + timedelta(days=200)
KINDS = {"AX T1": (600, 9), "AX T2": (5400, 85), "AX FLAIR": (9000, 90), "T1 POST": (650, 10),
         "DWI": (4000, 80), "SWI": (28, 20), "LOC": (8, 3)}  # fmt: skip
SCANNERS = ("Prisma", "Premier", "Ingenia")
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


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("alter", "subject"),
    [(renamed, "new T2 DARK FLUID"), (slower, "TR AX T2"), (incomplete, "incomplete")],
    ids=["renamed", "slower", "incomplete"],
)  # fmt: skip
def test_a_drift_is_found_within_three_days_of_data(seed: int, alter: Alter, subject: str) -> None:
    studies = drifting(seed, alter)
    window = [one for one in studies if one.day < DRIFT_DAY + timedelta(days=12)]
    found = next(
        day
        for day in (DRIFT_DAY + timedelta(days=offset) for offset in range(12))
        if any(
            (one.scanner, one.subject) == ("Prisma", subject)
            for one in find_drifts([study for study in window if study.day <= day], day)
        )
    )
    # One study in twenty was incomplete before, so that it takes a few more to be sure.
    assert days_of_data(studies, found) <= (5 if alter is incomplete else 3)


@pytest.mark.parametrize("seed", range(4))
def test_a_stable_year_raises_at_most_one_alarm(seed: int) -> None:
    assert len(alarms(year(seed))) <= 1


def test_the_alarm_names_what_is_new_and_what_is_gone() -> None:
    studies = [one for one in drifting(1, renamed) if one.day < DRIFT_DAY + timedelta(days=4)]
    today = studies[-1].day
    texts = " ".join(one.text for one in find_drifts(studies, today))
    assert "Prisma: “T2 DARK FLUID” " in texts
    assert "Gone since: “AX FLAIR”." in texts


def visit(place: int, *series: SeriesHeader, days_ago: float) -> None:
    own = [
        replace(one, series_uid=f"{place}.{one.series_uid}", manufacturer_model="Prisma") for one in series
    ]
    study = record_study(study_header(*own, study_uid=f"9.{place}", orthanc_id=f"o-{place}"))
    Study.objects.filter(pk=study.pk).update(first_seen_at=timezone.now() - timedelta(days=days_ago))


@pytest.mark.django_db
def test_stored_headers_that_drift_raise_one_alert_with_the_suspect() -> None:
    for place in range(40):
        visit(place, *FOUR, days_ago=5 + place)
    assert raise_drift_alerts() == 0
    for place in range(40, 46):
        visit(place, T1, T2, T1CE, replace(FLAIR, description="DARK FLUID"), days_ago=0.1)
    sweep()
    alert = Alert.objects.filter(kind=Alert.Kind.DRIFT).order_by("subject").last()
    assert alert is not None
    assert alert.subject == "Prisma: new DARK FLUID"
    assert "“DARK FLUID” is new, in 6 of 8 studies." in alert.text
    assert raise_drift_alerts() == 0
