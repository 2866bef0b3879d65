from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from orthanc.errors import RejectedFileError
from orthanc.intake import DEEPEST, check_dicom
from orthanc.study_maker import make_study
from tests.orthanc.conftest import AXIAL, ramp_image


@pytest.fixture
def file_bytes(tmp_path, visit) -> bytes:
    return make_study({"t1": ramp_image(AXIAL)}, tmp_path, visit, "seed")[0].read_bytes()


def written(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_a_whole_file_passes(file_bytes):
    assert check_dicom(file_bytes).Modality == "MR"


def test_a_file_cut_anywhere_is_rejected(file_bytes):
    for end in range(0, len(file_bytes), 37):
        with pytest.raises(RejectedFileError):
            check_dicom(file_bytes[:end])


def test_a_compressed_file_cut_short_is_rejected(file_bytes):
    dataset = dcmread(BytesIO(file_bytes))
    dataset.compress(RLELossless)
    buffer = BytesIO()
    dataset.save_as(buffer)
    assert check_dicom(buffer.getvalue())
    with pytest.raises(RejectedFileError, match="cut short"):
        check_dicom(buffer.getvalue()[:-60])


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"%PDF-1.7 something", "not a DICOM"), (b"\0" * 500, "not a DICOM")]
)
def test_what_is_not_dicom_is_rejected_in_plain_words(data, words):
    with pytest.raises(RejectedFileError, match=words):
        check_dicom(data)


def test_a_file_without_its_identifiers_is_rejected(file_bytes):
    dataset = dcmread(BytesIO(file_bytes))
    del dataset.StudyInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer)
    with pytest.raises(RejectedFileError, match="StudyInstanceUID"):
        check_dicom(buffer.getvalue())


@pytest.mark.parametrize("uid", ["../../..", "1.2.x", "1" * 65])
def test_a_file_whose_uid_names_nothing_is_rejected(file_bytes, uid):
    dataset = dcmread(BytesIO(file_bytes))
    with config.disable_value_validation():
        dataset.StudyInstanceUID = uid
        odd = written(dataset)
    with pytest.raises(RejectedFileError, match="StudyInstanceUID is no UID"):
        check_dicom(odd)


def nested(file_bytes: bytes, levels: int) -> bytes:
    dataset = dcmread(BytesIO(file_bytes))
    inner = Dataset()
    for _ in range(levels):
        outer = Dataset()
        outer.ConceptNameCodeSequence = [inner]
        inner = outer
    dataset.update(inner)
    return written(dataset)


def test_sequences_are_taken_as_deep_as_reports_have_them(file_bytes):
    assert check_dicom(nested(file_bytes, DEEPEST))


def test_sequences_that_would_end_orthanc_are_rejected(file_bytes):
    with pytest.raises(RejectedFileError, match="sequences within sequences"):
        check_dicom(nested(file_bytes, DEEPEST + 1))


def test_sequences_that_would_end_python_are_rejected(file_bytes):
    opening = b"\x40\x00\x43\xa0SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(RejectedFileError, match="sequences within sequences"):
        check_dicom(file_bytes + opening * 20_000)


def test_a_deflated_file_that_fills_the_memory_is_rejected_before_it_does(file_bytes):
    dataset = dcmread(BytesIO(file_bytes))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert check_dicom(written(dataset))
    dataset.PixelData = bytes(40 * 1024**2)
    with pytest.raises(RejectedFileError, match="grow more than 200-fold"):
        check_dicom(written(dataset))


def test_what_only_says_that_it_is_deflated_is_rejected(file_bytes):
    dataset = dcmread(BytesIO(file_bytes))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = written(dataset)
    for data in (whole[: len(whole) // 2], whole[:400] + b"no deflate" * 40):
        with pytest.raises(RejectedFileError, match="cut short or damaged"):
            check_dicom(data)


@pytest.mark.parametrize(
    ("name", "value"), [("Rows", None), ("Rows", 0), ("BitsAllocated", None), ("Columns", [3, 4])]
)
def test_an_image_of_no_size_is_rejected(file_bytes, name, value):
    dataset = dcmread(BytesIO(file_bytes))
    setattr(dataset, name, value)
    with pytest.raises(RejectedFileError, match=f"nothing sensible of the image's {name}"):
        check_dicom(written(dataset))


def test_a_small_file_that_unpacks_to_gigabytes_of_pixels_is_rejected(file_bytes):
    dataset = dcmread(BytesIO(file_bytes))
    dataset.compress(RLELossless)
    dataset.Rows = dataset.Columns = 65_535
    with pytest.raises(RejectedFileError, match="8191 MB of pixels"):
        check_dicom(written(dataset))


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        (b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.9\x00", "does not know"),
        (b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.5.1.4\x00", "does not know"),
        (b"\x08\x00\x18\x00UI", b"\x08\x00\x18\x00FD", "no UID"),
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00?!", "before the pixels"),
    ],
)
def test_bytes_that_are_not_what_they_are_called_are_rejected(file_bytes, was, becomes, words):
    assert was in file_bytes
    with pytest.raises(RejectedFileError, match=words):
        check_dicom(file_bytes.replace(was, becomes, 1))
