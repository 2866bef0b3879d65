"""The flagged cases for training as one zip, written while it is read: no more than one case lies on the disk."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from review.flagged_export import written_cases
from review.pacs import connect

FAILED = "not-written.txt"
"""Names the cases that are missing, and why."""


def archive_of_flagged(*, by: str) -> Iterator[bytes]:
    """A folder per case, as `written_cases` writes them.

    Raises:
        OrthancUnavailableError: Orthanc does not answer; the archive then ends broken, as a download that failed.
    """
    out, failed = _Outbox(), []
    with connect() as pacs, tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(out, "w") as archive:
        for folder, why in written_cases(pacs, Path(scratch), by=by):
            if why:
                failed.append(f"{folder.name}: {why}\n")
                continue
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{folder.name}/{file.name}")
                yield out.taken()
            shutil.rmtree(folder)
        if failed:
            archive.writestr(FAILED, "".join(failed))
    yield out.taken()


class _Outbox(io.RawIOBase):
    """A file that is only written to, and emptied in between."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
