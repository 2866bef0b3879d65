"""Nothing is in Orthanc twice, also where a study is cut off while it arrives, and how the fault drill counts that."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from pydicom import dcmread

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.server.process import RunningOrthanc
from review import publish
from review.artefacts import job_folder, write_segmentation
from review.models import Job, ResultObject, Study
from review.publish import publish_job
from tests.drills.drill import is_duplicated, is_lost
from tests.drills.stand import Ending, ending
from tests.end_to_end.installation import Installation
from tests.review.conftest import store_all
from tests.review.factories import default_rule
from tests.review.published import again, claim, segmentation_on, take_as_stable

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack]


class MachineStopsError(Exception):
    """As after kill -9: nothing further is done."""


@pytest.fixture
def stack(orthanc_server: RunningOrthanc, tmp_path: Path) -> Installation:
    """What the drill reads, with the servers of the tests."""
    database = connection.settings_dict
    account = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    return Installation(
        tmp_path,
        {
            "DATABASE_URL": f"postgres://{account}/{database['NAME']}",
            "ORTHANC_URL": orthanc_server.url,
            "ORTHANC_USER": orthanc_server.username,
            "ORTHANC_PASSWORD": orthanc_server.password,
        },
        {},
    )


@pytest.fixture
def rule(transactional_db: None) -> None:
    """Other tests empty the tables of the migrations."""
    default_rule()


def finish_next(dicom_study: Path) -> Job:
    """Segment and publish the one job that waits."""
    job = Job.objects.get(state=Job.State.QUEUED)
    (t1ce,) = dicom_study.glob("*t1ce")
    held = sorted(t1ce.iterdir())[: job.chosen["T1CE"]["n_images"]]
    write_segmentation(segmentation_on(read_series(held)), job_folder(job.pk).inferred)
    Job.objects.filter(pk=job.pk).update(stage=Job.Stage.PUBLISH)
    publish_job(claim())
    job.refresh_from_db()
    return job


def end_of(stack: Installation) -> Ending:
    return ending(stack, Study.objects.get().study_uid)


def test_a_study_that_was_cut_off_and_came_again_is_neither_lost_nor_doubled(
    stack: Installation, rule: None, orthanc: OrthancClient, dicom_study: Path, artefacts: Path, model: Path
) -> None:
    (t1ce,) = dicom_study.glob("*t1ce")
    last = sorted(t1ce.iterdir())[-1]
    apart = last.rename(dicom_study / "apart")
    orthanc_id = store_all(orthanc, dicom_study)
    take_as_stable(orthanc, orthanc_id)
    part = finish_next(dicom_study)
    apart.rename(last)
    store_all(orthanc, dicom_study)  # the sender sends all of it again, under the same UIDs
    take_as_stable(orthanc, orthanc_id)
    whole = finish_next(dicom_study)
    assert whole.pk != part.pk
    end = end_of(stack)
    assert (end.jobs, end.current_results, end.extra_series, end.missing_images) == (1, 1, 0, 0)
    assert not is_duplicated(end)
    assert not is_lost(end, "")


def test_what_is_there_twice_is_counted(stack: Installation, rule: None, job: Job) -> None:
    publish_job(job)
    assert not is_duplicated(end_of(stack))
    second = Job.objects.create(
        study=job.study, series_key="other", model_name="demo", model_version="1", chosen=job.chosen
    )
    assert end_of(stack).jobs == 2
    second.delete()
    sr = ResultObject.objects.get(kind="SR")
    sr.pk, sr.sop_uid = None, "1.2.9"
    sr.save()
    assert is_duplicated(end_of(stack))
    ResultObject.objects.filter(sop_uid="1.2.9").delete()
    ResultObject.objects.filter(kind="SEG").delete()
    assert end_of(stack).extra_series == 1


def test_images_that_come_while_a_worker_dies_at_the_end_double_nothing(
    stack: Installation,
    rule: None,
    job: Job,
    orthanc: OrthancClient,
    dicom_study: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(*values: object) -> None:
        raise MachineStopsError

    with monkeypatch.context() as patch:
        patch.setattr(publish, "record_result", stop)
        with pytest.raises(MachineStopsError):
            publish_job(job)  # everything is in Orthanc, and no row tells of it yet
    (t1ce,) = dicom_study.glob("*t1ce")
    last = dcmread(sorted(t1ce.iterdir())[-1], stop_before_pixels=True)
    found = orthanc.find_instance(last.SOPInstanceUID)
    assert found is not None
    orthanc.delete_instance(found)  # the series is another one now
    publish_job(again(job))
    assert not is_duplicated(end_of(stack))
