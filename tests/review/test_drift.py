"""A simulated drift of known day is found within three days of data; stable years stay quiet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orthanc.types import SeriesHeader
from review.drift import SeenStudy, find_drifts
from review.drift_watch import raise_drift_alerts
from review.intake import record_study
from review.models import Alert, Study
from review.sweeper import sweep
from tests.review.factories import FLAIR, FOUR, T1, T1CE, T2, study_header
from tests.review.simulated_year import (
    DRIFT_DAY,
    DRIFTS,
    alarms,
    day_found,
    days_of_data,
    drifting,
    renamed,
    year,
)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", DRIFTS)
def test_a_drift_is_found_within_three_days_of_data(seed: int, name: str) -> None:
    alter, subject = DRIFTS[name]
    found = day_found(seed, alter, subject)
    assert found is not None
    # One study in twenty was incomplete before, so that it takes a few more to be sure.
    assert days_of_data(drifting(seed, alter), found) <= (5 if name == "incomplete" else 3)


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


def test_a_change_in_one_protocol_of_a_busy_scanner_is_told_of_that_protocol() -> None:
    def altered(study: SeenStudy) -> SeenStudy:
        return renamed(study) if study.protocol == "mri brain tumour" else study

    studies = [one for one in drifting(3, altered) if one.day < DRIFT_DAY + timedelta(days=10)]
    told = {
        (one.scanner, one.subject)
        for offset in range(10)
        for one in find_drifts(
            [study for study in studies if study.day <= DRIFT_DAY + timedelta(days=offset)],
            DRIFT_DAY + timedelta(days=offset),
        )
    }
    assert ("Prisma, mri brain tumour", "gone AX FLAIR") in told
    assert not any(
        subject == "gone AX FLAIR" for scanner, subject in told if scanner != "Prisma, mri brain tumour"
    )
