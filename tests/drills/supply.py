"""Keeps so many studies in flight while the faults come: as one ends, another is sent."""

from __future__ import annotations

import threading
from pathlib import Path

import SimpleITK as sitk

from orthanc.errors import OrthancUnavailableError
from orthanc.send import Destination, send_files
from tests.drills.heads import blank, make_head, write_study
from tests.drills.stand import ANSWERS_AWAY, in_flight
from tests.end_to_end.installation import Installation

BLANK_EVERY = 6
BLANK_REASON = "FLAIR"
LOOK_EVERY_S = 1.0


class Supply:
    """A scanner that sends a study whenever fewer than `count` are in flight, for a `with` block."""

    def __init__(self, stack: Installation, folder: Path, count: int) -> None:
        self.studies: list[str] = []
        self.reasons: dict[str, str] = {}
        """Words of the reasons of those that cannot have a result."""
        self._stack, self._folder, self._count = stack, folder, count
        variables = stack.variables
        self._to = Destination(variables["DICOM_AET"], "127.0.0.1", int(variables["DICOM_PORT"]))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scanner", daemon=True)

    def __enter__(self) -> Supply:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no further study; the one at hand is sent to its end."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        images = make_head()
        while not self._stopped.is_set():
            if self._is_short():
                self._send_one(images)
            else:
                self._stopped.wait(LOOK_EVERY_S)

    def _is_short(self) -> bool:
        try:
            return len(in_flight(self._stack, self.studies)) < self._count
        except ANSWERS_AWAY:
            return False

    def _send_one(self, images: dict[str, sitk.Image]) -> None:
        number = len(self.studies) + 1
        folder = self._folder / f"study-{number:04d}"
        is_blank = number % BLANK_EVERY == 0
        study_uid = write_study(blank(images) if is_blank else images, folder, number)
        if is_blank:
            self.reasons[study_uid] = BLANK_REASON
        self.studies.append(study_uid)
        files = sorted(folder.rglob("*.dcm"))
        while not self._is_sent(files):
            self._stopped.wait(LOOK_EVERY_S)

    def _is_sent(self, files: list[Path]) -> bool:
        """As a scanner does: what is not taken is sent again, all of it."""
        try:
            return not send_files(files, self._to).failed
        except OrthancUnavailableError:
            return False
