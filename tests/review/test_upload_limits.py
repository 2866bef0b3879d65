"""Archives that are made to fill memory or disk are left alone, with the reason; the next file is taken."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from review import upload
from review.models import IntakeProblem
from review.upload import take_upload

pytestmark = pytest.mark.django_db
MB = 1024**2


def archive(**members: bytes) -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in members.items():
            written.writestr(name, data)
    return SimpleUploadedFile("a.zip", content.getvalue())


def one_image(folder: Path) -> bytes:
    return next(folder.rglob("*.dcm")).read_bytes()


def test_a_member_that_grows_a_thousandfold_is_not_unpacked_and_its_neighbour_is_taken(
    orthanc: OrthancClient, dicom_study: Path
) -> None:
    bomb = archive(bomb=bytes(40 * MB), image=one_image(dicom_study))
    assert bomb.size < MB
    report = take_upload(orthanc, [bomb], by="rita")
    assert (report.accepted, report.rejected) == (1, 1)
    assert "-fold when unpacked" in IntakeProblem.objects.get().reason


def test_black_images_are_no_bomb(orthanc: OrthancClient, dicom_study: Path) -> None:
    report = take_upload(orthanc, [archive(black=bytes(4 * MB))], by="rita")
    assert report.files[0].reason == "This is not a DICOM file."  # unpacked and looked at


def test_an_archive_within_an_archive_is_not_unpacked(orthanc: OrthancClient, dicom_study: Path) -> None:
    inner = archive(image=one_image(dicom_study)).read()
    report = take_upload(orthanc, [archive(inner=inner)], by="rita")
    assert (report.accepted, report.rejected) == (0, 1)


def test_an_archive_of_too_many_files_is_refused_as_a_whole(
    orthanc: OrthancClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MOST_MEMBERS", 3)
    report = take_upload(orthanc, [archive(**{f"f{n}": b"x" for n in range(4)})], by="rita")
    assert "at most 3" in report.files[0].reason


def test_an_archive_that_unpacks_to_too_much_is_refused_as_a_whole(
    orthanc: OrthancClient, settings: DjangoSettings
) -> None:
    settings.UPLOAD_ARCHIVE_MB = 3
    report = take_upload(orthanc, [archive(a=bytes(2 * MB), b=bytes(2 * MB))], by="rita")
    assert "more than 3 MB" in report.files[0].reason


def test_a_file_that_is_too_large_is_not_read_into_memory(
    orthanc: OrthancClient, settings: DjangoSettings
) -> None:
    settings.UPLOAD_LARGEST_MB = 1
    report = take_upload(orthanc, [SimpleUploadedFile("big.dcm", bytes(2 * MB))], by="rita")
    assert "too large" in report.files[0].reason
