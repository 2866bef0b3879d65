"""The body of STOW-RS (DICOM PS3.18 section 10.5), looked at object by object before the archive sees any of it.

Orthanc parses whatever it is sent and can be ended by it: only whole objects that our own reader understands go on.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile

from django.conf import settings
from django.http import HttpRequest
from django.utils.http import parse_header_parameters

from orthanc.errors import RejectedFileError
from orthanc.intake import check_dicom

CHUNK_BYTES = 256 * 1024
MB = 1024**2
END_OF_HEAD = b"\r\n\r\n"
CANNOT_UNDERSTAND = 0xC000
"""Failure reason of an object (PS3.18 table I.2-2)."""


class BadBodyError(Exception):
    """The body is not what STOW-RS says it is; the text is for who sent it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where one object lies in the body."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class StowBody:
    """A received body: the objects that may go on, and in words why others may not."""

    data: mmap.mmap
    good: tuple[Span, ...]
    refused: tuple[str, ...]

    def rewritten(self, boundary: bytes) -> Iterator[bytes]:
        """The body again, with the good objects only."""
        for span in self.good:
            yield b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n"
            for start in range(span.start, span.end, CHUNK_BYTES):
                yield self.data[start : min(start + CHUNK_BYTES, span.end)]
            yield b"\r\n"
        yield b"--" + boundary + b"--\r\n"


@contextmanager
def received(request: HttpRequest) -> Iterator[StowBody]:
    """Take the body of a request to disk, and look at its objects one by one.

    Raises:
        BadBodyError: it is no multipart body of DICOM objects, is empty, or larger than the site takes.
    """
    boundary = _boundary(request.headers.get("Content-Type", ""))
    with TemporaryFile() as file:
        size = 0
        while chunk := request.read(CHUNK_BYTES):
            size += len(chunk)
            if size > settings.UPLOAD_ARCHIVE_MB * MB:
                raise BadBodyError(f"More than {settings.UPLOAD_ARCHIVE_MB} MB were sent at once.")
            file.write(chunk)
        if not size:
            raise BadBodyError("Nothing was sent.")
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield _looked_at(data, list(spans(data, boundary)))


def _boundary(content_type: str) -> bytes:
    kind, parameters = parse_header_parameters(content_type)
    boundary = parameters.get("boundary", "")
    if kind != "multipart/related" or not boundary:
        raise BadBodyError("STOW-RS takes multipart/related with a boundary.")
    if parameters.get("type", "application/dicom") != "application/dicom":
        raise BadBodyError("Only application/dicom is taken.")
    return boundary.encode()


def spans(data: mmap.mmap | bytes, boundary: bytes) -> Iterator[Span]:
    """Where the parts of a multipart body (RFC 2046) lie, without their heads."""
    mark = b"--" + boundary
    start = 0 if data[: len(mark)] == mark else data.find(b"\r\n" + mark)
    while start >= 0:
        head = data.find(END_OF_HEAD, start)
        end = data.find(b"\r\n" + mark, start + len(mark))
        if head < 0 or end < 0:
            return
        if head < end:
            yield Span(head + len(END_OF_HEAD), end)
        start = end


def _looked_at(data: mmap.mmap, found: Sequence[Span]) -> StowBody:
    if not found:
        raise BadBodyError("The body holds no objects, or was cut off.")
    good, refused = [], []
    for span in found:
        try:
            if span.end - span.start > settings.UPLOAD_LARGEST_MB * MB:
                raise RejectedFileError("The object is too large.")
            check_dicom(data[span.start : span.end])
        except RejectedFileError as error:
            refused.append(str(error))
        else:
            good.append(span)
    return StowBody(data, tuple(good), tuple(refused))
