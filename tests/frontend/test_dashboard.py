"""The dashboard counts what it says: useful results of valid studies, stages, failures, flags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from review.models import Flag, Job, Study
from review.yields import stage_seconds, yields
from tests.review import factories

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
