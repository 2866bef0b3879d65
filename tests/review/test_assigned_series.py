"""Series that a person names beat the guess, for good; broken ones make way for the next best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orthanc.types import Role, SeriesHeader
from review.intake import record_study
from review.models import Job, Series, SeriesOverride, Study
from review.services import CannotAssignError, assign_series
from review.set_aside import set_aside, words_of_set_aside
from tests.review.factories import (
    CT,
    FLAIR,
    FOUR,
    OUR_SEG,
    T1,
    T1CE,
    T2,
    THIN_T1CE,
    default_rule,
    make_result,
    study_header,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def site(model: object, sent: list[str]) -> None:
    default_rule()


def taken(*series: SeriesHeader) -> Study:
    record_study(study_header(*(series or (*FOUR, THIN_T1CE))))
    return Study.objects.get()


def chosen_for(study: Study, role: str) -> str:
    assert study.current_job is not None
    return str(study.current_job.chosen[role]["series_uid"])


def test_a_named_series_makes_a_new_job_whose_result_supersedes(sent: list[str]) -> None:
    study = taken()
    old = make_result(study.current_job)
    assert chosen_for(study, "T1CE") == THIN_T1CE.series_uid
    study = assign_series(study, {Role.T1CE: T1CE.series_uid}, by="rad")
    assert chosen_for(study, "T1CE") == T1CE.series_uid
    assert study.state == Study.State.QUEUED
    assert study.current_job.requested_by == "rad"
    make_result(study.current_job)
    old.refresh_from_db()
    study.refresh_from_db()
    assert old.superseded_by == study.current_result


def test_the_named_series_stays_when_the_study_is_announced_again_with_more() -> None:
    study = taken(*FOUR)
    assign_series(study, {Role.T1CE: T1CE.series_uid}, by="rad")
    study = taken(*FOUR, THIN_T1CE)
    assert chosen_for(study, "T1CE") == T1CE.series_uid
    named = study.series.get(series_uid=T1CE.series_uid)
    assert (named.is_chosen, named.role_confidence) == (True, 1.0)


def test_naming_nothing_gives_the_roles_back_to_the_guess_and_its_old_job() -> None:
    study = taken()
    first = study.current_job
    study = assign_series(study, {Role.T1CE: T1CE.series_uid}, by="rad")
    study = assign_series(study, {}, by="rad")
    assert study.current_job == first
    assert not SeriesOverride.objects.exists()


def test_a_series_that_no_guess_understood_completes_a_study_that_waits() -> None:
    odd = replace(FLAIR, description="X1", scanning_sequence="RM", repetition_time_ms=None, echo_time_ms=None)
    study = taken(T1, T2, T1CE, odd)
    assert study.state == Study.State.WAITING
    study = assign_series(study, {Role.FLAIR: odd.series_uid}, by="rad")
    assert study.state == Study.State.QUEUED
    assert chosen_for(study, "FLAIR") == odd.series_uid


@pytest.mark.parametrize(
    ("assigned", "words"),
    [
        ({Role.T1: "9.9.9"}, "no series 9.9.9"),
        ({Role.T1: CT.series_uid}, "no MR images"),
        ({Role.T1: OUR_SEG.series_uid}, "no MR images"),
        ({Role.T1: T1.series_uid, Role.T2: T1.series_uid}, "two roles"),
        ({Role.T1: T2.series_uid}, "No series would be left for T2"),
        ({}, "chosen already"),
    ],
)
def test_what_cannot_be_is_refused_with_words_and_changes_nothing(
    assigned: dict[Role, str], words: str
) -> None:
    study = taken(*FOUR, CT, OUR_SEG)
    before = list(study.series.values_list("series_uid", "role", "is_chosen"))
    with pytest.raises(CannotAssignError, match=words):
        assign_series(study, assigned, by="rad")
    assert list(study.series.values_list("series_uid", "role", "is_chosen")) == before
    assert (Job.objects.count(), SeriesOverride.objects.count()) == (1, 0)


def running(study: Study) -> Job:
    """The job of a study, being prepared by this very worker."""
    job = Job.objects.claim(Job.Stage.PREPARE, "me", 60)
    assert job is not None
    assert job == study.current_job
    return job


def test_a_broken_series_makes_way_for_the_next_best_and_the_reader_is_told() -> None:
    study = taken()
    broken = running(study)
    set_aside(broken, "T1CE", "12 slices are missing.")
    broken.fail("T1CE: 12 slices are missing.")
    study.refresh_from_db()
    assert (study.state, study.jobs.count()) == (Study.State.QUEUED, 2)
    assert chosen_for(study, "T1CE") == T1CE.series_uid
    assert words_of_set_aside(study.current_job) == (
        "T1CE: series 12 could not be used (12 slices are missing); series 9 was taken.",
    )
    assert "12 slices are missing" in Series.objects.get(series_uid=THIN_T1CE.series_uid).choice_reason


def test_without_another_of_its_role_the_study_fails_with_the_words_of_the_series() -> None:
    study = taken(*FOUR)
    job = running(study)
    set_aside(job, "FLAIR", "image 4 is missing.")
    job.fail("FLAIR: image 4 is missing.")
    study.refresh_from_db()
    assert (study.state, study.reason, study.jobs.count()) == (
        Study.State.FAILED,
        "FLAIR: image 4 is missing.",
        1,
    )


def test_a_series_that_comes_whole_at_last_is_taken_again() -> None:
    study = taken()
    job = running(study)
    set_aside(job, "T1CE", "12 slices are missing.")
    job.fail("T1CE: 12 slices are missing.")
    whole = replace(THIN_T1CE, n_images=188, instances_digest="d-whole")
    study = taken(*FOUR, whole)
    assert chosen_for(study, "T1CE") == THIN_T1CE.series_uid
    assert study.current_job.chosen["T1CE"]["instances_digest"] == "d-whole"
    assert Series.objects.get(series_uid=THIN_T1CE.series_uid).flaw == ""


def test_announced_again_a_broken_series_starts_nothing() -> None:
    study = taken()
    set_aside(running(study), "T1CE", "12 slices are missing.")
    taken()
    assert Job.objects.count() == 2


def test_a_person_may_insist_on_a_broken_series() -> None:
    study = taken()
    first = running(study)
    set_aside(first, "T1CE", "12 slices are missing.")
    first.fail("T1CE: 12 slices are missing.")
    study.refresh_from_db()
    study = assign_series(study, {Role.T1CE: THIN_T1CE.series_uid}, by="rad")
    assert (study.current_job, study.state) == (first, Study.State.FAILED)
