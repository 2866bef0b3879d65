"""From headers to rows, states and jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.errors import NotInOrthancError
from orthanc.types import SeriesHeader, StudyHeader
from review.columns import dicom_date, dicom_time
from review.intake import expire_waits, record_study, take_study
from review.models import IntakeProblem, Job, RoutingRule, Series, Study
from tests.review.conftest import InstallModel
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
OnCommit = Callable[..., AbstractContextManager[list[Callable[[], None]]]]


class FakeOrthanc(OrthancClient):
    """Studies by Orthanc ID, at the border only."""

    def __init__(self, *studies: StudyHeader) -> None:
        self.held = {study.orthanc_id: study for study in studies}

    def study_header(self, orthanc_id: str) -> StudyHeader:
        if orthanc_id not in self.held:
            raise NotInOrthancError(orthanc_id)
        return self.held[orthanc_id]


def arriving(series: SeriesHeader) -> SeriesHeader:
    return replace(series, is_stable=False)


def finish(job: Job) -> None:
    """As the worker would."""
    make_result(job)
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, started_at=timezone.now())


def test_a_study_whose_uid_names_nothing_is_told_once_and_left_alone(db: None) -> None:
    odd = replace(study_header(), study_uid="../../../etc", orthanc_id="o-odd")
    for _ in range(2):
        assert take_study(FakeOrthanc(odd), "o-odd") is None
    assert not Study.objects.exists()
    assert "no UID" in IntakeProblem.objects.get().reason


def test_four_stable_series_start_one_job_and_its_message(
    model: Path, sent: list[str], django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        study = record_study(study_header())
    study.refresh_from_db()
    job = study.jobs.get()
    assert (study.state, study.current_job) == (Study.State.QUEUED, job)
    assert {role: one["series_uid"] for role, one in job.chosen.items()} == {
        "T1": T1.series_uid, "T2": T2.series_uid, "FLAIR": FLAIR.series_uid, "T1CE": T1CE.series_uid,
    }  # fmt: skip
    assert (job.model_name, job.model_version, job.phase) == ("demo", "1", "unknown")
    assert sent == ["prepare"]


def test_a_study_keeps_what_its_header_says(model: Path) -> None:
    study = record_study(study_header())
    assert (study.patient_id, study.patient_name, study.patient_sex) == ("PAT-7", "Doe^Jane", "F")
    assert (study.patient_birth_date, study.study_date) == (date(1961, 2, 3), date(2026, 1, 10))
    rows = {row.series_uid: row for row in study.series.all()}
    flair = rows[FLAIR.series_uid]
    assert (flair.role, flair.is_chosen) == ("FLAIR", True)
    assert flair.role_confidence > 0.5
    assert flair.role_reason
    assert flair.choice_reason
    assert flair.as_header() == FLAIR


def test_a_study_announced_again_starts_nothing_and_does_not_move_on_the_worklist(
    model: Path, sent: list[str], django_capture_on_commit_callbacks: OnCommit
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first = record_study(study_header())
        first.refresh_from_db()
        for _ in range(3):
            record_study(study_header())
    first_change = first.changed_at
    first.refresh_from_db()
    assert first.jobs.count() == 1
    assert first.changed_at == first_change
    assert sent == ["prepare"]


def test_our_own_results_coming_back_start_nothing(model: Path) -> None:
    study = record_study(study_header())
    finish(study.jobs.get())
    record_study(study_header(*FOUR, OUR_SEG))
    study.refresh_from_db()
    assert (study.jobs.count(), study.state) == (1, Study.State.DONE)
    ours = study.series.get(is_ours=True)
    assert (ours.is_chosen, ours.choice_reason) == (False, "Our own result.")


def test_a_study_that_holds_only_our_results_is_not_wanted(model: Path) -> None:
    assert record_study(study_header(OUR_SEG)).state == Study.State.NOT_WANTED


def test_images_still_arriving_are_waited_for(model: Path) -> None:
    study = record_study(study_header(T1, T2, FLAIR, arriving(T1CE)))
    assert (study.state, study.jobs.count()) == (Study.State.RECEIVING, 0)
    record_study(study_header())
    study.refresh_from_db()
    assert (study.state, study.jobs.count()) == (Study.State.QUEUED, 1)


def test_a_missing_role_waits_with_its_reason_and_deadline(model: Path, settings: DjangoSettings) -> None:
    settings.WAIT_FOR_SERIES_H = 24
    study = record_study(study_header(T1, T2, T1CE))
    assert study.state == Study.State.WAITING
    assert study.reason == "Missing FLAIR: No FLAIR in this study (3 series seen)."
    left_h = (study.wait_deadline - timezone.now()) / timedelta(hours=1)
    assert left_h == pytest.approx(24, abs=0.1)


def test_the_deadline_stays_when_the_study_is_announced_again(model: Path) -> None:
    study = record_study(study_header(T1, T2, T1CE))
    deadline = study.wait_deadline
    record_study(study_header(T1, T2, T1CE, arriving(replace(T2, series_uid="9"))))
    record_study(study_header(T1, T2, T1CE))
    study.refresh_from_db()
    assert (study.state, study.wait_deadline) == (Study.State.WAITING, deadline)


def test_a_wait_that_is_over_leaves_the_study_incomplete_with_the_hours(model: Path) -> None:
    rule = default_rule()
    RoutingRule.objects.filter(pk=rule.pk).update(wait_hours=6)
    study = record_study(study_header(T1, T2, T1CE))
    assert expire_waits() == 0
    Study.objects.update(wait_deadline=timezone.now() - timedelta(minutes=1))
    assert expire_waits() == 1
    study.refresh_from_db()
    assert study.state == Study.State.INCOMPLETE
    assert study.reason.startswith("Missing FLAIR")
    assert study.reason.endswith("Waited 6 h.")


def test_a_series_that_comes_after_the_wait_still_starts_the_job(model: Path) -> None:
    study = record_study(study_header(T1, T2, T1CE))
    Study.objects.update(wait_deadline=timezone.now() - timedelta(minutes=1))
    expire_waits()
    record_study(study_header())
    study.refresh_from_db()
    assert (study.state, study.wait_deadline) == (Study.State.QUEUED, None)


def test_a_ct_study_is_not_wanted_and_says_why(model: Path) -> None:
    study = record_study(study_header(CT))
    assert study.state == Study.State.NOT_WANTED
    assert "Modality equals MR, here it is CT" in study.reason
    assert study.jobs.count() == 0


def test_of_two_series_with_contrast_the_better_is_taken_and_the_reasons_are_written(model: Path) -> None:
    study = record_study(study_header(*FOUR, THIN_T1CE))
    taken, left = (
        study.series.get(series_uid=THIN_T1CE.series_uid),
        study.series.get(series_uid=T1CE.series_uid),
    )
    assert (taken.is_chosen, left.is_chosen) == (True, False)
    assert taken.role == left.role == "T1CE"
    assert "12" in taken.choice_reason
    assert left.choice_reason


def test_a_better_series_that_comes_late_makes_a_new_job_and_the_old_result_stays_until_then(
    model: Path,
) -> None:
    study = record_study(study_header())
    old = study.jobs.get()
    finish(old)
    record_study(study_header(*FOUR, THIN_T1CE))
    study.refresh_from_db()
    assert study.jobs.count() == 2
    assert study.current_job.chosen["T1CE"]["series_uid"] == THIN_T1CE.series_uid
    assert study.current_result == old.result
    assert study.state == Study.State.QUEUED


def test_a_job_not_yet_begun_is_superseded_by_that_of_a_better_series(model: Path) -> None:
    study = record_study(study_header())
    old = study.jobs.get()
    record_study(study_header(*FOUR, THIN_T1CE))
    old.refresh_from_db()
    assert old.state == Job.State.SUPERSEDED


def test_a_job_that_runs_is_left_to_finish_when_a_better_series_comes(model: Path) -> None:
    study = record_study(study_header())
    running = Job.objects.claim(Job.Stage.PREPARE, "me", 20)
    record_study(study_header(*FOUR, THIN_T1CE))
    running.refresh_from_db()
    assert running.state == Job.State.RUNNING
    assert study.jobs.count() == 2


def test_an_image_that_comes_late_into_a_chosen_series_makes_a_new_job(model: Path) -> None:
    study = record_study(study_header())
    record_study(study_header(T1, T2, FLAIR, replace(T1CE, n_images=27, instances_digest="more")))
    assert study.jobs.count() == 2


def test_when_the_better_series_is_deleted_the_first_result_speaks_again(model: Path) -> None:
    study = record_study(study_header())
    first = study.jobs.get()
    finish(first)
    record_study(study_header(*FOUR, THIN_T1CE))
    second = study.jobs.exclude(pk=first.pk).get()
    finish(second)
    record_study(study_header())
    study.refresh_from_db()
    first.result.refresh_from_db()
    assert (study.current_job, study.current_result) == (first, first.result)
    assert first.result.superseded_by is None
    assert study.state == Study.State.DONE


def test_a_newer_model_does_not_redo_a_study_that_is_only_announced_again(
    model: Path, install_model: InstallModel
) -> None:
    study = record_study(study_header())
    install_model("better", rank=80)
    record_study(study_header(*FOUR, OUR_SEG))
    assert study.jobs.count() == 1


def test_the_best_installed_model_is_taken_unless_the_rule_or_the_site_names_one(
    install_model: InstallModel, settings: DjangoSettings
) -> None:
    install_model("demo", rank=0)
    install_model("own", rank=80)
    first = record_study(study_header()).jobs.get()
    settings.MODEL = "demo"
    second = record_study(study_header(study_uid="1.5", orthanc_id="o-5", series=renamed("5"))).jobs.get()
    RoutingRule.objects.update(model="own")
    third = record_study(study_header(study_uid="1.6", orthanc_id="o-6", series=renamed("6"))).jobs.get()
    assert [job.model_name for job in (first, second, third)] == ["own", "demo", "own"]


def renamed(prefix: str) -> tuple[SeriesHeader, ...]:
    return tuple(replace(one, series_uid=f"{prefix}.{one.series_uid}") for one in FOUR)


def test_without_a_model_the_study_fails_with_the_reason(settings: DjangoSettings, tmp_path: Path) -> None:
    settings.MODEL_DIRS = [tmp_path]
    study = record_study(study_header())
    assert study.state == Study.State.FAILED
    assert study.reason == "No segmentation model is installed (installed: none)."


def test_header_values_that_the_database_cannot_hold_do_not_stop_a_study(model: Path) -> None:
    odd = replace(T1, description="A\x00" + "x" * 400, b_value=float("nan"), manufacturer="M\x00")
    study = record_study(
        study_header(odd, T2, FLAIR, T1CE, patient_name="N\x00" * 500, birth_date="unknown", study_time="25")
    )
    row = study.series.get(series_uid=T1.series_uid)
    assert row.description.startswith("Axx")
    assert (study.patient_birth_date, study.study_time) == (None, None)


def test_a_series_deleted_from_orthanc_leaves_the_rows(model: Path) -> None:
    study = record_study(study_header(*FOUR, CT))
    record_study(study_header())
    assert not Series.objects.filter(series_uid=CT.series_uid).exists()
    assert study.series.count() == 4


def test_a_study_deleted_from_orthanc_says_so_and_comes_back_when_sent_again(model: Path) -> None:
    pacs = FakeOrthanc(study_header())
    study = take_study(pacs, "o-1")
    pacs.held.clear()
    assert take_study(pacs, "o-1") is None
    study.refresh_from_db()
    assert study.deleted_at is not None
    pacs.held["o-1"] = study_header()
    take_study(pacs, "o-1")
    study.refresh_from_db()
    assert study.deleted_at is None


def test_one_study_uid_under_two_patients_goes_to_the_problem_list(model: Path) -> None:
    first, second = study_header(), study_header(orthanc_id="o-2", patient_id="OTHER")
    pacs = FakeOrthanc(first, second)
    take_study(pacs, "o-1")
    assert take_study(pacs, "o-2") is None
    assert take_study(pacs, "o-2") is None
    assert Study.objects.get().patient_id == "PAT-7"
    assert "another patient" in IntakeProblem.objects.get().reason


@pytest.mark.django_db(transaction=True)
def test_a_study_taken_by_many_at_once_gets_one_row_and_one_job(model: Path, sent: list[str]) -> None:
    default_rule()
    start = threading.Barrier(6)

    def take(_: int) -> None:
        try:
            start.wait()
            record_study(study_header())
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(take, range(6)))
    assert Job.objects.count() == Study.objects.count() == 1
    assert Series.objects.count() == 4
    assert sent == ["prepare"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20260110", "2026-01-10"),
        ("", "None"),
        ("2026", "None"),
        ("20261399", "None"),
        ("20260110 ", "2026-01-10"),
    ],
)
def test_a_dicom_date_that_is_none_gives_nothing(text: str, value: str) -> None:
    assert str(dicom_date(text)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("093015.25", "09:30:15"),
        ("0930", "09:30:00"),
        ("09", "09:00:00"),
        ("", "None"),
        ("9:30", "None"),
        ("99", "None"),
    ],
)
def test_a_dicom_time_that_is_none_gives_nothing(text: str, value: str) -> None:
    assert str(dicom_time(text)) == value
