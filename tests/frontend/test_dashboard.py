"""The dashboard counts what it says: useful results of valid studies, stages, failures, flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from review.drift import SeenStudy
from review.intake import record_study
from review.models import Flag, Job, Study
from review.weekly import (
    week_of,
    weekly_descriptions,
    weekly_ends,
    weekly_failures,
    weekly_flags,
    weekly_seconds,
    weekly_yield,
)
from review.yields import stage_seconds, yields
from tests.review import factories
from tests.review.simulated_year import drifting, renamed

pytestmark = pytest.mark.django_db
LogIn = Callable[[str], Client]
SINCE = timezone.now() - timedelta(days=2)


def ended() -> None:
    """Two done of which one is flagged, one failed, one that no rule wanted."""
    for place in range(2):
        job = factories.make_job(factories.make_study(f"1.{place}"), seconds={"prepare": 10.0 * (place + 1)})
        result = factories.make_result(job)
    Flag.objects.create(result=result, reason=Flag._meta.get_field("reason").choices[0][0], by="rita")
    factories.make_study("1.8", state=Study.State.FAILED, reason="T1CE is cut off.")
    Study.objects.update(matched_rule=factories.default_rule())
    factories.make_study("1.9", state=Study.State.NOT_WANTED)
    Job.objects.update(state=Job.State.DONE)


def test_a_flagged_result_is_not_useful_and_an_unwanted_study_not_valid() -> None:
    ended()
    (everything,) = yields(SINCE)["All"]
    assert (everything.useful, everything.valid, round(everything.percent)) == (1, 3, 33)
    assert [(one.name, one.valid) for one in yields(SINCE)["Model"]] == [("demo 1", 2), ("no job", 1)]
    assert stage_seconds(SINCE) == [("prepare", 15.0, 2)]


def test_the_page_shows_yield_failures_and_flags_to_readers(as_role: LogIn) -> None:
    ended()
    page = as_role("viewer").get("/dashboard/?days=7").content.decode()
    for text in ("33 %", "1 of 3", "T1CE is cut off.", "median of 2", "Flags by reason"):
        assert text in page
    assert as_role("nobody").get("/dashboard/").status_code == 403


def test_an_empty_site_has_an_empty_dashboard(as_role: LogIn) -> None:
    assert "No valid study has ended" in as_role("viewer").get("/dashboard/?days=x").content.decode()


def test_weeks_are_counted_from_monday_and_an_empty_week_is_seen() -> None:
    monday = date(2026, 11, 9)
    assert [week_of(monday + timedelta(days=offset)) for offset in (0, 6, 7)] == [
        monday,
        monday,
        monday + timedelta(days=7),
    ]
    three_weeks = [monday, monday + timedelta(days=15)]
    studies = [SeenStudy(f"1.{n}", "Prisma", day, ()) for n, day in enumerate(three_weeks)]
    told = weekly_ends([replace(studies[0], is_failed=True), studies[1]])
    assert [f"{one:%m-%d}" for one in told.weeks] == ["11-09", "11-16", "11-23"]
    assert told.lines["Failed"] == [100.0, None, 0.0]


def test_yield_time_flags_and_failures_of_the_week_are_what_happened() -> None:
    ended()
    (percent,), (valid,) = weekly_yield(SINCE).lines.values()
    assert (percent, valid) == (33.3, 3.0)
    assert weekly_seconds(SINCE).lines == {"prepare": [15.0]}
    assert weekly_failures(SINCE).lines == {"Failed": [1.0]}
    assert [sum(one) for one in weekly_flags(SINCE).lines.values()] == [1.0]


def test_a_name_that_went_and_one_that_came_are_both_drawn() -> None:
    names = weekly_descriptions(drifting(1, renamed)).lines
    before, after = names["AX FLAIR"], names["T2 DARK FLUID"]
    assert (before[0], after[0]) == (100.0, 0.0)
    assert after[-1] is not None
    assert after[-1] > 10


def test_the_drift_page_shows_one_scanner_and_one_protocol(as_role: LogIn) -> None:
    for place, protocol in enumerate(("MRI BRAIN", "MRI STEALTH")):
        own = [
            replace(one, series_uid=f"{place}.{one.series_uid}", manufacturer_model="Prisma")
            for one in factories.FOUR
        ]
        record_study(
            factories.study_header(
                *own, study_uid=f"9.{place}", orthanc_id=f"o-{place}", description=protocol
            )
        )
    viewer = as_role("viewer")
    page = viewer.get("/drift/").content.decode()
    assert ("2 MR studies" in page, "AX T2 FLAIR" in page) == (True, True)
    assert "1 MR studies" in viewer.get("/drift/?scanner=Prisma&protocol=mri+stealth").content.decode()
    assert viewer.get("/drift/?scanner=x&protocol=%27").status_code == 200
    assert viewer.get("/drift/?scanner=x%00").status_code == 400  # no text can hold it: refused at the door
