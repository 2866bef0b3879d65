"""Results that Orthanc lost are stored again; what a person removes again and again stays away."""

from __future__ import annotations

import pytest

from orthanc.client import OrthancClient
from orthanc.types import ObjectKind
from review.artefacts import job_folder
from review.leases import Lease
from review.lost_results import store_lost_results
from review.models import Job, Result, Study
from review.models.work import REPUBLISH_AT_MOST
from review.publish import publish_job
from tests.review.published import claim

pytestmark = [pytest.mark.django_db, pytest.mark.stack]


@pytest.fixture
def result(job: Job) -> Result:
    """A published result."""
    publish_job(job)
    return job.result


def lose(pacs: OrthancClient, result: Result, kind: ObjectKind) -> None:
    series = pacs.find_series(result.dicom_objects.get(kind=kind).series_uid)
    assert series is not None
    pacs.delete_series(series)


def test_a_whole_result_is_left_alone(orthanc: OrthancClient, result: Result) -> None:
    assert store_lost_results(orthanc, None) is None
    result.job.refresh_from_db()
    assert result.job.state == Job.State.DONE


@pytest.mark.parametrize("kind", [ObjectKind.SEG, ObjectKind.SR, ObjectKind.SC_T1CE])
def test_an_object_that_orthanc_lost_comes_back_as_it_was(
    orthanc: OrthancClient, result: Result, kind: ObjectKind
) -> None:
    before = orthanc.images_by_series(result.study.orthanc_id)
    lose(orthanc, result, kind)
    store_lost_results(orthanc, None)
    publish_job(claim())
    assert orthanc.images_by_series(result.study.orthanc_id) == before
    assert Result.objects.get().pk == result.pk
    study = Study.objects.get()
    assert (study.state, study.current_result_id) == (Study.State.DONE, result.pk)


def test_what_is_removed_on_purpose_stays_away_in_the_end(orthanc: OrthancClient, result: Result) -> None:
    for _ in range(REPUBLISH_AT_MOST):
        lose(orthanc, result, ObjectKind.SEG)
        store_lost_results(orthanc, None)
        publish_job(claim())
    lose(orthanc, result, ObjectKind.SEG)
    store_lost_results(orthanc, None)
    result.job.refresh_from_db()
    assert result.job.state == Job.State.DONE


def test_a_study_that_is_gone_is_no_lost_result(orthanc: OrthancClient, result: Result) -> None:
    orthanc.delete_study(result.study.orthanc_id)
    store_lost_results(orthanc, None)
    result.job.refresh_from_db()
    assert result.job.state == Job.State.DONE


def test_without_the_label_map_it_starts_over(orthanc: OrthancClient, result: Result) -> None:
    lose(orthanc, result, ObjectKind.SEG)
    job_folder(result.job_id).clear()
    store_lost_results(orthanc, None)
    job = claim()
    with Lease(job, 60):
        publish_job(job)
    job.refresh_from_db()
    assert (job.stage, job.state) == (Job.Stage.PREPARE, Job.State.QUEUED)
