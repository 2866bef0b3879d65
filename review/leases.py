"""Running one stage of one job under a lease: renewed while the work goes on, every ending written to the row."""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import threading
import time
import uuid
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orthanc.errors import HopelessError, OrthancUnavailableError
from review.artefacts import ArtefactsGoneError
from review.log_lines import at_work_on
from review.memory import resident_mb
from review.models import Job, LostLeaseError
from review.storage import STORAGE_ERRORS, storage_trouble
from segmentation.errors import SegmentationError

log = logging.getLogger(__name__)

HOPELESS = (SegmentationError, HopelessError)
"""Another try gives the same answer; the text of these errors is meant for the reader."""

EXIT_OVERTIME, EXIT_MEMORY = 75, 76
STDERR = 2
LOOK_EVERY_S = 1.0
HUNG_AFTER_S = 60
"""A native call that never lets Python run stops the look at the limit, too; the process is ended so much later."""

_held: dict[int, Lease] = {}
"""The leases of this process, so that a worker that stops can hand its jobs back."""


def hand_back_all() -> None:
    """Let other workers have the jobs of this process at once; what still runs here records nothing any more."""
    for lease in list(_held.values()):
        lease.job.hand_back()


def claim(stage: Job.Stage) -> Job | None:
    """The next job of this stage, now leased to the calling thread; None when there is none.

    None also while the storage is away or full: the jobs wait, and their tickets are made again.
    """
    if storage_trouble():
        return None
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    return Job.objects.claim(stage, owner, settings.LEASE_S)


class Lease:
    """The lease of a claimed job, for a `with` block around one stage.

    A hopeless error fails the job with its text, an absent Orthanc puts it back for later, and any other error
    puts it back and rises. Neither ANTs nor torch can be interrupted, so a stage that takes longer than `limit_s`
    ends the whole process, and so does one that takes more memory than a worker may; its keeper starts a new one,
    and the attempts are counted.
    """

    def __init__(self, job: Job, limit_s: float) -> None:
        self.job = job
        self._stage = job.stage
        self._limit_s = limit_s
        self._started_s = time.monotonic()
        self._ended = threading.Event()
        self._logged_as = ExitStack()
        self._heart = threading.Thread(target=self._beat, name=f"lease of {job.pk}", daemon=True)

    def __enter__(self) -> Self:
        self._logged_as.enter_context(at_work_on(str(self.job.pk), self.job.study.study_uid))
        _held[id(self)] = self
        faulthandler.dump_traceback_later(self._limit_s + HUNG_AFTER_S, exit=True, file=STDERR)
        self._heart.start()
        log.info("job %s: %s started", self.job.pk, self._stage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._ended.set()
        faulthandler.cancel_dump_traceback_later()
        self._heart.join()
        _held.pop(id(self), None)
        with self._logged_as:
            if error is None:
                log.info("job %s: %s ended", self.job.pk, self._stage)
                return False
            return self._record(error)

    def _record(self, error: BaseException) -> bool:
        """Write down how the stage ended; True where that answers the error."""
        if isinstance(error, LostLeaseError):
            log.warning("job %s: another worker has taken over %s", self.job.pk, self._stage)
            return True
        if isinstance(error, DatabaseError | InterfaceError):
            # Nothing can be written while the database is away; the lease runs out then, and the sweeper goes on.
            return False
        if answer := self._answer(error):
            log.warning("job %s: %s %s (%s)", self.job.pk, self._stage, answer, type(error).__name__)
            return True
        text = f"Unexpected {type(error).__name__} at stage {self._stage}: {error}"
        self.job.stumble(text, settings.MAX_ATTEMPTS)
        return False

    def _answer(self, error: BaseException) -> str:
        """Do what an error that was foreseen asks for; what that was, empty where nobody foresaw it."""
        if trouble := _storage_to_blame(error):
            self.job.wait_for_storage(trouble)
            return "waits for the storage"
        # A reader's mask cannot be made again by a model: such a job fails, and says so.
        if isinstance(error, ArtefactsGoneError) and self.job.edited_by:
            self.job.fail("The edited mask is gone from the artefact folder. Correct the result again.")
            return "failed for good"
        if isinstance(error, ArtefactsGoneError):
            self.job.start_over(str(error), settings.MAX_ATTEMPTS)
            return "starts over"
        if isinstance(error, HOPELESS):
            self.job.fail(str(error))
            return "failed for good"
        if isinstance(error, OrthancUnavailableError):
            self.job.wait_for_orthanc(str(error))
            return "waits for Orthanc"
        return ""

    def _beat(self) -> None:
        renewed_s = time.monotonic()
        try:
            while not self._ended.wait(min(LOOK_EVERY_S, settings.LEASE_S / 4)):
                self._look()
                if time.monotonic() - renewed_s >= settings.LEASE_S / 4:
                    self._renew()
                    renewed_s = time.monotonic()
        finally:
            connection.close()  # Django gives every thread its own

    def _look(self) -> None:
        if time.monotonic() - self._started_s > self._limit_s:
            words = f"took longer than {self._limit_s / 60:.0f} min and was stopped."
            self._end_process(words, EXIT_OVERTIME)
        if resident_mb() > settings.WORKER_MEMORY_MB:
            words = f"took more than {settings.WORKER_MEMORY_MB} MB of memory and was stopped."
            self._end_process(words, EXIT_MEMORY)

    def _renew(self) -> None:
        try:
            self.job.renew(settings.LEASE_S)
        except (DatabaseError, InterfaceError) as error:
            log.warning("job %s: the lease could not be renewed (%s)", self.job.pk, type(error).__name__)
            connection.close()

    def _end_process(self, words: str, code: int) -> None:
        text = f"Stage {self._stage} {words}"
        log.error("job %s: %s", self.job.pk, text)
        try:
            self.job.stumble(text, settings.MAX_ATTEMPTS)
        finally:
            os._exit(code)


def _storage_to_blame(error: BaseException) -> str:
    """Why the storage, and not the job, is the reason of an error; empty where it is not."""
    if isinstance(error, OSError) and error.errno in STORAGE_ERRORS:
        return f"The folder for artefacts: {error.strerror}."
    try:
        return storage_trouble()
    except (DatabaseError, InterfaceError):
        return ""
