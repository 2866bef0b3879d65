"""A real clinical study (native space, oblique, 5.5 mm) through wrapping, Orthanc, reading and SEG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread

from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.send import Destination, send_files
from orthanc.series import choose_series
from orthanc.sources import read_source
from orthanc.study_maker import make_study
from orthanc.types import Role
from tests.orthanc.results import ALGORITHM

pytestmark = [pytest.mark.stack, pytest.mark.shared]

NAMES = {Role.T1: "t1", Role.T1CE: "t1ce", Role.T2: "t2", Role.FLAIR: "flair"}


def on_grid(image: sitk.Image, grid: sitk.Image) -> np.ndarray:
    moved = sitk.Resample(image, grid, sitk.Transform(), sitk.sitkNearestNeighbor)
    return sitk.GetArrayFromImage(moved)


def test_a_real_study_keeps_every_voxel_and_its_brain_on_the_right_side(
    shared_dir, orthanc_server, pacs, tmp_path, visit
):
    case = shared_dir / "data" / "native" / "TCGA-FG-6692"
    images = {name: sitk.ReadImage(str(case / f"{name}.nii.gz")) for name in NAMES.values()}
    files = make_study(images, tmp_path / "study", visit, "seed")
    send_files(files, Destination(orthanc_server.aet, "127.0.0.1", orthanc_server.dicom_port))
    choice = choose_series(pacs.study_header(pacs.studies()[0]).series)
    assert choice.is_complete
    for role, header in choice.picked.items():
        downloaded = pacs.download_series(header.orthanc_id, tmp_path / role)
        image = read_series(downloaded)
        assert (on_grid(images[NAMES[role]], image) == sitk.GetArrayViewFromImage(image)).all()

    t1ce_files = sorted((tmp_path / Role.T1CE).iterdir())
    t1ce = read_series(t1ce_files)
    brain = sitk.ReadImage(str(case / "t1ce_brain_mask_hdbet.nii.gz"))
    labels = sitk.GetImageFromArray((on_grid(brain, t1ce) > 0).astype(np.uint8) * 2)
    labels.CopyInformation(t1ce)
    stored = pacs.store(write_seg(labels, read_source(t1ce_files), ALGORITHM))
    seg = dcmread(BytesIO(pacs.instance_bytes(stored.orthanc_id)))
    normal = np.reshape(t1ce.GetDirection(), (3, 3))[:, 2]
    frames = [
        (float(normal @ np.array(own.PlanePositionSequence[0].ImagePositionPatient, float)), number)
        for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence)
        if own.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2
    ]
    oedema = seg.pixel_array[[number for _, number in sorted(frames)]]
    assert (oedema == sitk.GetArrayViewFromImage(labels) // 2).all()
    assert seg.pixel_array.sum() == (sitk.GetArrayViewFromImage(brain) > 0).sum()
