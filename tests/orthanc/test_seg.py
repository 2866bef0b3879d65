from __future__ import annotations

from datetime import datetime
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.codes import SEGMENTS
from orthanc.enhanced import enhanced_of
from orthanc.errors import BadResultError
from orthanc.headers import series_header, simplified_tags
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.study_maker import make_study
from orthanc.types import AlgorithmInfo
from tests.orthanc.conftest import AXIAL, SAGITTAL, ramp_image, rotation
from tests.orthanc.results import ALGORITHM, lopsided_labels, places_in_seg, places_of

DIRECTIONS = {
    "axial": AXIAL,
    "sagittal": SAGITTAL,
    "oblique": rotation(20, -15, 30),
    "oblique sagittal": rotation(4, -6, 9) @ SAGITTAL,
    "mirrored": np.diag([-1.0, 1.0, 1.0]),
}


@pytest.fixture
def files(tmp_path: Path, visit) -> list[Path]:
    return make_study({"t1ce": ramp_image(rotation(2, 3, -4) @ SAGITTAL)}, tmp_path / "study", visit, "seed")


def as_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_labelled_voxel_lies_where_it_was_drawn(name, tmp_path, visit):
    files = make_study({"t1ce": ramp_image(DIRECTIONS[name])}, tmp_path, visit, "seed")
    labels = lopsided_labels(read_series(files))
    seg = dcmread(BytesIO(as_bytes(write_seg(labels, read_source(files), ALGORITHM))))
    for kind in SEGMENTS:
        assert places_in_seg(seg, kind.number) == places_of(labels, kind.label) != set()


def test_a_multi_frame_source_gets_its_labels_on_the_right_frames(files, tmp_path):
    path = tmp_path / "enhanced.dcm"
    enhanced_of([dcmread(one) for one in files]).save_as(path, enforce_file_format=True)
    labels = lopsided_labels(read_series([path]))
    seg = write_seg(labels, read_source([path]), ALGORITHM)
    for kind in SEGMENTS:
        assert places_in_seg(seg, kind.number) == places_of(labels, kind.label)


def test_each_frame_names_the_source_image_at_its_place(files):
    seg = write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)
    position_of = {str(one.SOPInstanceUID): one.ImagePositionPatient for one in map(dcmread, files)}
    assert len(seg.PerFrameFunctionalGroupsSequence) == 3 * len(files)
    for own in seg.PerFrameFunctionalGroupsSequence:
        source = own.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        there = own.PlanePositionSequence[0].ImagePositionPatient
        assert np.allclose(np.array(there, float), np.array(position_of[source], float), atol=1e-6)


def test_segments_carry_codes_words_and_colours(files):
    seg = write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)
    found = [
        (one.SegmentNumber, one.SegmentLabel, one.SegmentedPropertyTypeCodeSequence[0].CodeValue)
        for one in seg.SegmentSequence
    ]
    assert found == [
        (1, "Non-enhancing core / necrosis / cavity", "C81175"),
        (2, "Peritumoral oedema", "79654002"),
        (3, "Enhancing tumour", "C113842"),
    ]
    red, green, blue = hd.color.CIELabColor.from_dicom_value(
        list(seg.SegmentSequence[2].RecommendedDisplayCIELabValue)
    ).to_rgb(clip=True)
    assert red > 200
    assert max(green, blue) < 80
    assert seg.SegmentationType == "BINARY"
    assert seg.SegmentsOverlap == "NO"


def test_the_result_belongs_to_the_patient_and_study_and_is_known_as_ours(files):
    source = dcmread(files[0])
    seg = write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)
    for name in (
        "PatientID",
        "PatientName",
        "IssuerOfPatientID",
        "StudyInstanceUID",
        "AccessionNumber",
        "StudyDescription",
        "FrameOfReferenceUID",
    ):
        assert seg[name].value == source[name].value
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert series_header(simplified_tags(seg), []).is_ours
    assert not series_header(simplified_tags(source), []).is_ours


def test_an_absent_tissue_keeps_its_segment(files):
    image = read_series(files)
    empty = sitk.Image(image.GetSize(), sitk.sitkUInt8)
    empty.CopyInformation(image)
    seg = dcmread(BytesIO(as_bytes(write_seg(empty, read_source(files), ALGORITHM))))
    assert len(seg.SegmentSequence) == 3
    assert seg.pixel_array.shape == (3 * len(files), 10, 12)
    assert seg.pixel_array.max() == 0


def test_a_rerun_gives_the_same_bytes(files):
    labels = lopsided_labels(read_series(files))
    made_at = datetime(2024, 1, 15, 10, 30)
    first, second = (
        write_seg(labels, read_source(order), ALGORITHM, made_at=made_at) for order in (files, files[::-1])
    )
    assert as_bytes(first) == as_bytes(second)


def test_another_model_version_or_key_is_another_object(files):
    labels = lopsided_labels(read_series(files))
    uids = {
        write_seg(labels, read_source(files), ALGORITHM).SOPInstanceUID,
        write_seg(labels, read_source(files), AlgorithmInfo("CA-CNN", "1.2.1")).SOPInstanceUID,
        write_seg(labels, read_source(files), ALGORITHM, result_key="another FLAIR").SOPInstanceUID,
    }
    assert len(uids) == 3


def test_tracking_follows_the_patient_over_studies(files, tmp_path, visit):
    later = make_study({"t1ce": ramp_image(AXIAL)}, tmp_path / "later", visit, "another seed")
    segs = [
        write_seg(lopsided_labels(read_series(one)), read_source(one), ALGORITHM) for one in (files, later)
    ]
    first, second = ([one.TrackingUID for one in seg.SegmentSequence] for seg in segs)
    assert first == second
    assert len(set(first)) == 3


def test_an_anonymised_source_without_type_two_elements_is_enough(files):
    for path in files:
        dataset = dcmread(path)
        for name in (
            "PatientBirthDate",
            "PatientSex",
            "AccessionNumber",
            "StudyID",
            "ReferringPhysicianName",
        ):
            del dataset[name]
        dataset.save_as(path)
    assert write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM).AccessionNumber == ""


def test_a_label_map_on_another_grid_is_refused(files):
    labels = lopsided_labels(read_series(files))
    moved = sitk.Image(labels)
    moved.SetOrigin([x + 0.5 for x in labels.GetOrigin()])
    for wrong in (moved, labels[:, :, 1:], sitk.Flip(labels, (True, False, False))):
        with pytest.raises(BadResultError, match="not on the grid"):
            write_seg(wrong, read_source(files), ALGORITHM)


def test_an_unknown_label_is_refused(files):
    labels = lopsided_labels(read_series(files))
    labels[0, 0, 0] = 3
    with pytest.raises(BadResultError, match="unknown labels: 3"):
        write_seg(labels, read_source(files), ALGORITHM)
