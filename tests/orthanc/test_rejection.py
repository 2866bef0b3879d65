from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.encapsulated_pdf import write_pdf
from orthanc.errors import BadResultError
from orthanc.headers import series_header, simplified_tags
from orthanc.read import read_series
from orthanc.rejection import RejectionReason, write_rejection
from orthanc.seg import write_seg
from orthanc.sources import read_source
from orthanc.study_maker import make_study
from orthanc.types import ObjectReference
from tests.orthanc.conftest import ramp_image, rotation
from tests.orthanc.results import ALGORITHM, lopsided_labels

MADE_AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
WHO = {"made_at": MADE_AT, "by": "radiologist", "key": "flag 1"}
PDF = b"%PDF-1.4 and the rest."


@pytest.fixture
def files(tmp_path: Path, visit) -> list[Path]:
    return make_study({"t1ce": ramp_image(rotation(2, 3, -4))}, tmp_path / "study", visit, "seed")


@pytest.fixture
def seg(files) -> Dataset:
    return write_seg(lopsided_labels(read_series(files)), read_source(files), ALGORITHM)


def as_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def capture_of(seg: Dataset) -> ObjectReference:
    return ObjectReference(seg.StudyInstanceUID, "1.2.3", "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4")


def test_the_note_says_what_is_rejected_why_and_by_whom(seg):
    note = write_rejection([seg, capture_of(seg)], RejectionReason.MOTION, "Blurred.", **WHO)
    said = {item.ConceptNameCodeSequence[0].CodeMeaning: item for item in note.ContentSequence}
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert said["Document Title Modifier"].ConceptCodeSequence[0].CodeValue == "111210"
    assert said["Key Object Description"].TextValue == "Blurred."
    assert said["Person Observer Name"].PersonName == "radiologist^"
    references = [
        item.ReferencedSOPSequence[0] for item in note.ContentSequence if "ReferencedSOPSequence" in item
    ]
    assert [one.ReferencedSOPInstanceUID for one in references] == [seg.SOPInstanceUID, "1.2.3.4"]
    assert {item.ValueType for item in note.ContentSequence if "ReferencedSOPSequence" in item} == {"IMAGE"}


def test_the_note_belongs_to_patient_and_study_and_is_known_as_ours(seg):
    note = write_rejection([seg], RejectionReason.PROCESSING, "", **WHO)
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber", "IssuerOfPatientID"):
        assert note[name].value == seg[name].value
    assert series_header(simplified_tags(note), []).is_ours


def test_the_same_rejection_is_the_same_bytes_and_another_is_another_object(seg):
    first, again = (write_rejection([seg], RejectionReason.PROCESSING, "x", **WHO) for _ in range(2))
    other = write_rejection([seg], RejectionReason.PROCESSING, "x", **{**WHO, "key": "flag 2"})
    assert as_bytes(first) == as_bytes(again)
    assert other.SOPInstanceUID != first.SOPInstanceUID


def test_images_of_the_scanner_are_never_rejected(files, seg):
    image = dcmread(files[0])
    of_scanner = ObjectReference(seg.StudyInstanceUID, "1.2", str(image.SOPClassUID), "1.2.3")
    for wrong in ([image], [seg, image], [seg, of_scanner]):
        with pytest.raises(BadResultError, match="never images of a scanner"):
            write_rejection(wrong, RejectionReason.PROCESSING, "", **WHO)


def test_nothing_or_results_of_two_studies_cannot_be_rejected(seg):
    elsewhere = ObjectReference("1.9", "1.2", "1.2.840.10008.5.1.4.1.1.7", "1.2.3")
    for wrong, words in (([], "needs the object"), ([seg, elsewhere], "one study")):
        with pytest.raises(BadResultError, match=words):
            write_rejection(wrong, RejectionReason.PROCESSING, "", **WHO)


def test_a_pdf_comes_out_as_it_went_in_and_names_its_sources(seg):
    made = dcmread(BytesIO(as_bytes(write_pdf(PDF, [seg], "Summary", made_at=MADE_AT))))
    assert made.EncapsulatedDocument[: made.EncapsulatedDocumentLength] == PDF
    assert made.SourceInstanceSequence[0].ReferencedSOPInstanceUID == seg.SOPInstanceUID
    assert (made.StudyInstanceUID, made.PatientID) == (seg.StudyInstanceUID, seg.PatientID)
    assert series_header(simplified_tags(made), []).is_ours
    assert as_bytes(write_pdf(PDF, [seg], "Summary", made_at=MADE_AT)) == as_bytes(
        write_pdf(PDF, [seg], "Summary", made_at=MADE_AT)
    )


def test_what_is_no_pdf_is_refused(seg):
    with pytest.raises(BadResultError, match="PDF"):
        write_pdf(b"<html>", [seg], "Summary", made_at=MADE_AT)
