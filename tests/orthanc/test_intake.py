from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from orthanc.errors import RejectedFileError
from orthanc.intake import check_dicom, is_zip, unzip_members
from orthanc.study_maker import make_study
from tests.orthanc.conftest import AXIAL, ramp_image


@pytest.fixture
def file_bytes(tmp_path, visit) -> bytes:
    return make_study({"t1": ramp_image(AXIAL)}, tmp_path, visit, "seed")[0].read_bytes()


def zip_of(members: dict[str, bytes]) -> BytesIO:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    buffer.seek(0)
    return buffer


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


def test_a_zip_gives_its_images_and_passes_over_the_rest():
    archive = zip_of({"a/1.dcm": b"one", "DICOMDIR": b"table", ".DS_Store": b"x", "a/b/2": b"two"})
    assert is_zip(archive.getvalue())
    assert dict(unzip_members(archive)) == {"a/1.dcm": b"one", "a/b/2": b"two"}


def test_a_damaged_zip_is_rejected():
    data = zip_of({"1.dcm": b"one" * 100}).getvalue()
    with pytest.raises(RejectedFileError, match="damaged"):
        list(unzip_members(BytesIO(data[:-30])))


def test_a_member_that_unpacks_to_too_much_is_rejected():
    with pytest.raises(RejectedFileError, match="too large"):
        list(unzip_members(zip_of({"1.dcm": b"0" * 1000}), largest_bytes=999))
