"""The uncertainty map from the label map's folder to Orthanc, API and viewer, and to no archive that did not ask."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread

from orthanc.client import OrthancClient
from review.artefacts import job_folder, read_segmentation, write_segmentation
from review.models import Delivery, Job, Result
from review.publish import publish_job
from review.uncertainty_maps import STEPS, map_for_viewer
from tests.orthanc.results import uncertainty_like
from tests.review.published import again, held
from tests.review.test_api import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.stack]


@pytest.fixture
def mapped(job: Job) -> Job:
    """The job with an uncertainty map beside its label map, for two archives of which one asks for it."""
    folder = job_folder(job.pk).inferred
    done = read_segmentation(folder)
    write_segmentation(replace(done, uncertainty=uncertainty_like(done.labels)), folder)
    Job.objects.filter(pk=job.pk).update(destinations=["PACS", "RESEARCH SEG UNCERTAINTY"])
    job.refresh_from_db()
    publish_job(job)
    return job


def test_the_map_is_part_of_the_result_and_goes_only_where_it_is_asked_for(
    mapped: Job, orthanc: OrthancClient
) -> None:
    item = Result.objects.get().dicom_objects.get(kind="UNCERTAINTY")
    assert dcmread(BytesIO(held(orthanc, item.sop_uid))).SeriesInstanceUID == item.series_uid
    sent = Delivery.objects.filter(item__kind="UNCERTAINTY").values_list("destination", flat=True)
    assert list(sent) == ["RESEARCH"]


def test_a_rerun_leaves_the_map_and_another_map_replaces_it(mapped: Job, orthanc: OrthancClient) -> None:
    uid = Result.objects.get().dicom_objects.get(kind="UNCERTAINTY").sop_uid
    first = held(orthanc, uid)
    publish_job(again(mapped))
    assert held(orthanc, uid) == first
    folder = job_folder(mapped.pk).inferred
    done = read_segmentation(folder)
    assert done.uncertainty is not None
    write_segmentation(replace(done, uncertainty=done.uncertainty * 0.5), folder)
    publish_job(again(mapped))
    assert dcmread(BytesIO(held(orthanc, uid))).FloatPixelData != dcmread(BytesIO(first)).FloatPixelData


def test_the_api_gives_the_object_that_orthanc_holds(mapped: Job, orthanc: OrthancClient) -> None:
    uid = Result.objects.get().dicom_objects.get(kind="UNCERTAINTY").sop_uid
    address = f"/api/studies/{mapped.study.study_uid}/uncertainty/"
    answer = client_of("viewer").get(address, headers={"Accept": "application/dicom"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/dicom")
    assert answer.content == held(orthanc, uid)
    orthanc.delete_instance(orthanc.find_instance(uid) or "")
    gone = client_of("radiologist").get(address)
    assert (gone.status_code, gone.json()["detail"]) == (404, "The uncertainty map is no longer in Orthanc.")


def test_a_result_without_map_says_so(job: Job) -> None:
    publish_job(job)
    answer = client_of("viewer").get(f"/api/studies/{job.study.study_uid}/uncertainty/")
    assert (answer.status_code, answer.json()["detail"]) == (404, "This result has no uncertainty map.")


def test_the_viewer_gets_every_voxel_at_its_place_to_a_255th(mapped: Job, orthanc: OrthancClient) -> None:
    item = Result.objects.get().dicom_objects.get(kind="UNCERTAINTY")
    sent = map_for_viewer(held(orthanc, item.sop_uid))
    length = int.from_bytes(sent[:4], "little")
    header = json.loads(sent[4 : 4 + length])
    uncertainty = read_segmentation(job_folder(mapped.pk).inferred).uncertainty
    assert uncertainty is not None
    values_zyx = sitk.GetArrayFromImage(uncertainty)
    shown = np.frombuffer(sent[4 + length :], np.uint8).reshape(-1, header["rows"], header["columns"])
    slices = [uncertainty.TransformPhysicalPointToIndex(corner_mm)[2] for corner_mm in header["positions_mm"]]
    assert slices == list(range(len(values_zyx)))
    assert np.abs(shown / STEPS - values_zyx).max() <= 0.5 / STEPS + 1e-6
