"""Files that people send by the browser or the API: DICOM files, or zip archives of them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from orthanc.client import OrthancClient
from review.audit import record
from review.intake import take_study
from review.models import AuditAction, IntakeProblem

ZIP_START = b"PK\x03\x04"
EMPTY_ZIP_START = b"PK\x05\x06"
MOST_MEMBERS = 50_000
SQUEEZED_AT_MOST = 200
"""Bytes out of one byte in. Images with much black come to 20; an archive made to fill the disk comes to 1000."""
RATIO_COUNTS_FROM_BYTES = 16 * 1024**2
"""Smaller files do no harm, however well they squeeze."""
MB = 1024**2

TOO_LARGE = "The file is too large for one DICOM image."

DAMAGED_MEMBER = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
"""Wrong checksum, cut off, places that point out of the file, unknown compression, password."""

_NOT_IMAGES = {"dicomdir", ".ds_store", "thumbs.db"}


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file."""

    name: str
    accepted: bool
    already_stored: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of an upload, file by file, and which studies it touched."""

    files: tuple[FileOutcome, ...]
    study_uids: tuple[str, ...]

    @property
    def accepted(self) -> int:
        """How many files Orthanc holds now."""
        return sum(outcome.accepted for outcome in self.files)

    @property
    def rejected(self) -> int:
        """How many files were refused."""
        return len(self.files) - self.accepted


@dataclass(frozen=True, slots=True)
class SentContent:
    """One file, also from within an archive; without data where there is a reason not to look at it."""

    name: str
    data: bytes
    reason: str = ""


def take_upload(pacs: OrthancClient, files: Iterable[UploadedFile], by: str) -> UploadReport:
    """Store what is DICOM, one file in memory at a time; what is not goes to the problem list with its reason.

    Raises:
        OrthancUnavailableError: what was stored so far stays; sending all again is harmless.
    """
    outcomes: list[FileOutcome] = []
    touched: dict[str, None] = {}
    for file in files:
        for content in contents_of(file):
            outcome, studies = _store(pacs, content)
            outcomes.append(outcome)
            touched |= dict.fromkeys(studies)
            if not outcome.accepted:
                note_refused([(outcome.name, outcome.reason)], by)
    # The rows are there at once, so that the sender finds the study on the worklist.
    taken = [study for orthanc_id in touched if (study := take_study(pacs, orthanc_id))]
    for study in taken:
        record(AuditAction.UPLOADED, by, study=study)
    return UploadReport(tuple(outcomes), tuple(study.study_uid for study in taken))


def note_refused(refused: Iterable[tuple[str, str]], by: str) -> None:
    """Put names and reasons of what was sent and not taken on the list of problems."""
    for name, reason in refused:
        IntakeProblem.objects.create(
            name=name.replace("\x00", "")[-255:],
            source=IntakeProblem.Source.UPLOAD,
            reason=reason.replace("\x00", ""),
            by=by,
        )


def _store(pacs: OrthancClient, content: SentContent) -> tuple[FileOutcome, list[str]]:
    if content.reason:
        return FileOutcome(content.name, accepted=False, reason=content.reason), []
    answer = pacs.upload_bytes(content.data)
    outcome = FileOutcome(
        name=content.name,
        accepted=answer.accepted,
        already_stored=answer.accepted and all(one.already_stored for one in answer.instances),
        reason=answer.reason,
    )
    return outcome, [one.study_orthanc_id for one in answer.instances if one.study_orthanc_id]


def contents_of(file: UploadedFile) -> Iterator[SentContent]:
    """What a file holds: itself, or the files of an archive, one in memory at a time."""
    name = file.name or "unnamed"
    start = file.read(4)
    file.seek(0)
    if start not in (ZIP_START, EMPTY_ZIP_START):
        too_large = (file.size or 0) > settings.UPLOAD_LARGEST_MB * MB
        yield SentContent(name, b"", TOO_LARGE) if too_large else SentContent(name, file.read())
        return
    try:
        with zipfile.ZipFile(cast(IO[bytes], file)) as archive:
            yield from _members(name, archive)
    except zipfile.BadZipFile:
        yield SentContent(name, b"", "The archive is damaged or was cut off; nothing in it could be read.")


def _members(archive_name: str, archive: zipfile.ZipFile) -> Iterator[SentContent]:
    members = [one for one in archive.infolist() if _may_be_image(one)]
    if refusal := _refusal(members):
        yield SentContent(archive_name, b"", refusal)
        return
    for member in members:
        name = f"{archive_name}/{member.filename}"
        if reason := _reason_not_to_unpack(member):
            yield SentContent(name, b"", reason)
            continue
        try:
            yield SentContent(name, archive.read(member))
        except DAMAGED_MEMBER as error:
            yield SentContent(name, b"", f"The archive does not give this file: {error}")


def _refusal(members: list[zipfile.ZipInfo]) -> str:
    """Why none of an archive is unpacked, by what it says of itself; empty where it is."""
    if not members:
        return "The archive holds no files."
    if len(members) > MOST_MEMBERS:
        return f"The archive holds {len(members)} files; at most {MOST_MEMBERS} are taken at once."
    if sum(one.file_size for one in members) > settings.UPLOAD_ARCHIVE_MB * MB:
        return f"The archive unpacks to more than {settings.UPLOAD_ARCHIVE_MB} MB. Send it in parts."
    return ""


def _reason_not_to_unpack(member: zipfile.ZipInfo) -> str:
    """Reading stops at the size that a member states, so its statement can be relied on."""
    if member.file_size > settings.UPLOAD_LARGEST_MB * MB:
        return TOO_LARGE
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > RATIO_COUNTS_FROM_BYTES and ratio > SQUEEZED_AT_MOST:
        return f"The file would grow {ratio:.0f}-fold when unpacked: images do not, so it was left alone."
    return ""


def _may_be_image(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return not member.is_dir() and path.name.lower() not in _NOT_IMAGES and "__MACOSX" not in path.parts
