from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.enhanced import enhanced_of
from orthanc.errors import BadResultError
from orthanc.parametric_map import write_uncertainty_map
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.sr import (
    RESEARCH_STATEMENT,
    lesions_from_sr,
    statements_from_sr,
    summary_from_sr,
    volumes_from_sr,
    write_sr,
)
from orthanc.study_maker import make_study
from orthanc.types import MeasuredRegion
from tests.orthanc.conftest import ramp_image, rotation
from tests.orthanc.results import ALGORITHM, LESIONS, VOLUMES, lopsided_labels, uncertainty_like


@pytest.fixture
def files(tmp_path: Path, visit) -> list[Path]:
    return make_study({"t1ce": ramp_image(rotation(2, 3, -4))}, tmp_path / "study", visit, "seed")


@pytest.fixture
def seg(files) -> Dataset:
    return write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)


def written(document: Dataset) -> bytes:
    buffer = BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read_back(document: Dataset) -> Dataset:
    return dcmread(BytesIO(written(document)))


def test_the_volumes_come_back_as_they_went(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    assert volumes_from_sr(document) == {one.compartment: one for one in VOLUMES}


def test_highdicom_reads_the_report_as_a_tid_1500_with_five_volumetric_groups(files, seg):
    document = hd.sr.Comprehensive3DSR.from_dataset(
        read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    )
    groups = document.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [
        "WT Whole tumour",
        "TC Tumour core",
        "ET Enhancing tumour",
        "ED Peritumoral oedema",
        "NC Non-enhancing core / necrosis / cavity",
    ]
    volume = groups[0].get_measurements()[0]
    assert (volume.value, volume.unit.value) == (30.2, "cm3")
    assert groups[2].finding_type.value == "C113842"


def test_offsets_of_the_interval_are_children_of_the_volume_in_cm3(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    group = hd.sr.Comprehensive3DSR.from_dataset(document).content.get_volumetric_roi_measurement_groups()[0]
    children = group.get_measurements()[0][0].ContentSequence
    offsets = {
        item.ConceptNameCodeSequence[0].CodeValue: (
            float(item.MeasuredValueSequence[0].NumericValue),
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for item in children
        if item.ValueType == "NUM"
    }
    assert offsets == {"371886008": (6.05, "cm3"), "371885007": (4.7, "cm3")}


def test_each_group_refers_to_the_segments_that_make_it_up(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    found = {}
    imaging = next(
        one
        for one in document.ContentSequence
        if one.get("ConceptNameCodeSequence") and one.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    for group in imaging.ContentSequence:
        items = {one.ConceptNameCodeSequence[0].CodeValue: one for one in group.ContentSequence}
        reference = items["121191"].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        numbers = reference.ReferencedSegmentNumber
        found[items["112039"].TextValue[:2]] = numbers if isinstance(numbers, int) else list(numbers)
    assert found == {"WT": [1, 2, 3], "TC": [1, 3], "ET": 3, "ED": 2, "NC": 1}


def test_the_report_says_that_it_is_research_and_which_model_made_it(files, seg):
    document = read_back(
        write_sr(VOLUMES, seg, read_source(files), ALGORITHM, statements=["FLAIR is 5 mm thick."])
    )
    assert statements_from_sr(document) == (
        RESEARCH_STATEMENT,
        "A demonstration model.",
        "FLAIR is 5 mm thick.",
    )
    text = document.to_json()
    assert "CA-CNN" in text
    assert "interval=95% split-conformal" in text


def test_the_report_is_not_final_and_lists_its_evidence(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    assert (document.CompletionFlag, document.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    evidence = {
        image.ReferencedSOPInstanceUID
        for study in document.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for image in series.ReferencedSOPSequence
    }
    assert evidence == {seg.SOPInstanceUID, *(dcmread(path).SOPInstanceUID for path in files)}


def test_the_image_library_lists_every_source_image(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM))
    titles = [item.ConceptNameCodeSequence[0].CodeMeaning for item in document.ContentSequence]
    assert titles[-3:] == ["Image Library", "Imaging Measurements", "Qualitative Evaluations"]
    images = document.ContentSequence[-3].ContentSequence[0].ContentSequence
    assert len(images) == len(files)


def test_the_lesions_come_back_as_they_went_each_with_its_identity(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM, lesions=LESIONS))
    first, second = lesions_from_sr(document)
    assert first == LESIONS[0]
    assert replace(second, tracking_uid="") == LESIONS[1]
    assert volumes_from_sr(document) == {one.compartment: one for one in VOLUMES}


def test_a_lesion_that_nobody_followed_is_named_by_study_and_number(files, seg, tmp_path, visit):
    first, again = (
        lesions_from_sr(write_sr(VOLUMES, seg, read_source(files), ALGORITHM, lesions=LESIONS))[1]
        for _ in range(2)
    )
    assert first.tracking_uid == again.tracking_uid
    later = make_study({"t1ce": ramp_image(rotation(2, 3, -4))}, tmp_path / "later", visit, "another seed")
    other = lesions_from_sr(write_sr(VOLUMES, seg, read_source(later), ALGORITHM, lesions=LESIONS))[1]
    assert other.tracking_uid != first.tracking_uid


def test_the_middle_of_a_lesion_is_a_point_in_the_frame_of_reference_of_the_images(files, seg):
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM, lesions=LESIONS))
    read = hd.sr.Comprehensive3DSR.from_dataset(document).content
    groups = read.get_planar_roi_measurement_groups()
    assert groups[0].tracking_uid == "1.2.3.9"
    points = [group.roi for group in groups]
    assert [tuple(np.round(point.value[0], 1)) for point in points] == [one.centre_mm for one in LESIONS]
    assert {point.frame_of_reference_uid for point in points} == {dcmread(files[0]).FrameOfReferenceUID}


def test_lesions_that_make_no_sense_are_refused(files, seg):
    for wrong in ([LESIONS[0], LESIONS[0]], [replace(LESIONS[0], lobe="elsewhere")]):
        with pytest.raises(BadResultError):
            write_sr(VOLUMES, seg, read_source(files), ALGORITHM, lesions=wrong)


def test_the_report_text_is_carried_line_by_line_with_umlauts(files, seg):
    text = "Ödem: 3 mL.\n\nNICHT BEFUNDET."
    document = read_back(write_sr(VOLUMES, seg, read_source(files), ALGORITHM, summary=text))
    assert summary_from_sr(document) == text
    assert summary_from_sr(write_sr(VOLUMES, seg, read_source(files), ALGORITHM)) == ""


def test_the_report_refers_to_the_uncertainty_map(files, seg):
    source, labels = read_source(files), lopsided_labels(read_series(files))
    uncertainty = write_uncertainty_map(uncertainty_like(labels), source, ALGORITHM)
    document = read_back(write_sr(VOLUMES, seg, source, ALGORITHM, uncertainty=uncertainty))
    groups = hd.sr.Comprehensive3DSR.from_dataset(document).content.get_image_measurement_groups()
    assert [group.source_images[0].referenced_sop_instance_uid for group in groups] == [
        uncertainty.SOPInstanceUID
    ]
    evidence = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert uncertainty.SeriesInstanceUID in {series.SeriesInstanceUID for series in evidence}


def test_a_patient_name_of_one_part_is_no_obstacle(files):
    for path in files:
        dataset = dcmread(path)
        dataset.PatientName = "Anonymous"
        dataset.save_as(path)
    seg = write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)
    assert write_sr(VOLUMES, seg, read_source(files), ALGORITHM).PatientName == "Anonymous"


def test_seg_and_sr_are_series_of_their_own(files, seg):
    document = write_sr(VOLUMES, seg, read_source(files), ALGORITHM)
    numbers = {int(one.SeriesNumber) for one in (dcmread(files[0]), seg, document)}
    uids = {one.SeriesInstanceUID for one in (dcmread(files[0]), seg, document)}
    assert len(numbers) == len(uids) == 3


def test_a_rerun_gives_the_same_bytes(files, seg):
    assert written(write_sr(VOLUMES, seg, read_source(files), ALGORITHM)) == written(
        write_sr(VOLUMES, seg, read_source(files), ALGORITHM)
    )


def test_a_multi_frame_source_can_be_reported_on(files, tmp_path):
    path = tmp_path / "enhanced.dcm"
    enhanced_of([dcmread(one) for one in files]).save_as(path, enforce_file_format=True)
    seg = write_seg(lopsided_labels(read_series([path])), read_source([path]), ALGORITHM)
    assert (
        volumes_from_sr(write_sr(VOLUMES, seg, read_source([path]), ALGORITHM))[MeasuredRegion.OEDEMA].ml
        == 20.8875
    )


def test_zero_volumes_can_be_reported(files, seg):
    nothing = [replace(one, ml=0.0, low_ml=0.0, high_ml=0.2) for one in VOLUMES]
    assert (
        volumes_from_sr(read_back(write_sr(nothing, seg, read_source(files), ALGORITHM)))[
            MeasuredRegion.TUMOUR_CORE
        ].ml
        == 0
    )


@pytest.mark.parametrize(
    "volumes",
    [[], [VOLUMES[0], VOLUMES[0]], [replace(VOLUMES[0], high_ml=20.0)], [replace(VOLUMES[0], low_ml=-1)]],
)
def test_volumes_that_make_no_sense_are_refused(volumes, files, seg):
    with pytest.raises(BadResultError):
        write_sr(volumes, seg, read_source(files), ALGORITHM)


def test_a_report_of_someone_else_has_no_volumes_of_ours(files):
    with pytest.raises(BadResultError, match="no volumes"):
        volumes_from_sr(dcmread(files[0]))
