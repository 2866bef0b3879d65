"""A study that has been segmented and is to be published, in a real Orthanc."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from orthanc.client import OrthancClient
from review.intake import record_study
from review.models import Job, Study
from segmentation.types import ModelIdentity, Phase, Segmentation, TumourVolumes, VolumeEstimate

VOLUMES = TumourVolumes(
    whole_tumour=VolumeEstimate(30.204999, 25.1, 36.005),
    tumour_core=VolumeEstimate(9.3, 7.0, 12.0),
    enhancing=VolumeEstimate(6.8, 5.0, 9.0),
    oedema=VolumeEstimate(20.9, 16.0, 26.0),
    nonenhancing_core=VolumeEstimate(0.0, 0.0, 0.004),
)


def segmentation_on(grid: sitk.Image) -> Segmentation:
    """An asymmetrical label map on the grid."""
    labels_zyx = np.zeros(grid.GetSize()[::-1], np.uint8)
    labels_zyx[3:9, 4:8, 5:10] = 2
    labels_zyx[4:6, 5:7, 6:8] = 1
    labels_zyx[6:8, 5:7, 6:8] = 4
    labels = sitk.GetImageFromArray(labels_zyx)
    labels.CopyInformation(grid)
    model = ModelIdentity("demo", "1", is_demo=True, statement="A demo model.")
    return Segmentation(labels, VOLUMES, model, Phase.UNKNOWN, ("Small brain.",), {"segment": 1.5})


def take_as_stable(pacs: OrthancClient, orthanc_id: str) -> Study:
    """Take the study as it will be told when Orthanc has waited long enough."""
    header = pacs.study_header(orthanc_id)
    return record_study(header.with_series(tuple(replace(one, is_stable=True) for one in header.series)))


def claim() -> Job:
    job = Job.objects.claim(Job.Stage.PUBLISH, "me", 60)
    assert job is not None
    return job


def again(job: Job) -> Job:
    """The job as after a crash at the end of its last stage."""
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    return claim()


def held(pacs: OrthancClient, sop_uid: str) -> bytes:
    found = pacs.find_instance(sop_uid)
    assert found is not None
    return pacs.instance_bytes(found)
