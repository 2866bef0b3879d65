"""Running one stage of one job under a lease: renewed while the work goes on, every ending written to the row."""

from __future__ import annotations

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
from review.log_lines import at_work_on
from review.models import Job, LostLeaseError
from segmentation.errors import SegmentationError

log = logging.getLogger(__name__)

HOPELESS = (SegmentationError, HopelessError)
"""Another try gives the same answer; the text of these errors is meant for the reader."""

EXIT_OVERTIME = 75


def claim(stage: Job.Stage) -> Job | None:
    """The next job of this stage, now leased to the calling thread; None when there is none."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    return Job.objects.claim(stage, owner, settings.LEASE_S)


class Lease:
    """The lease of a claimed job, for a `with` block around one stage.

    A hopeless error fails the job with its text, an absent Orthanc puts it back for later, and any other error
    puts it back and rises. Neither ANTs nor torch can be interrupted, so a stage that takes longer than `limit_s`
    ends the whole process; its keeper starts a new one, and the attempts are counted.
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
        self._heart.start()
        log.info("job %s: %s started", self.job.pk, self._stage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._ended.set()
        self._heart.join()
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
        if isinstance(error, HOPELESS):
            log.warning("job %s: %s failed for good (%s)", self.job.pk, self._stage, type(error).__name__)
            self.job.fail(str(error))
            return True
        if isinstance(error, OrthancUnavailableError):
            log.warning("job %s: %s waits for Orthanc", self.job.pk, self._stage)
            self.job.wait_for_orthanc(str(error))
            return True
        if not isinstance(error, DatabaseError | InterfaceError):
            # Nothing can be written while the database is away; the lease runs out then, and the sweeper goes on.
            text = f"Unexpected {type(error).__name__} at stage {self._stage}: {error}"
            self.job.stumble(text, settings.MAX_ATTEMPTS)
        return False

    def _beat(self) -> None:
        try:
            while not self._ended.wait(settings.LEASE_S / 4):
                if time.monotonic() - self._started_s > self._limit_s:
                    self._end_process()
                self._renew()
        finally:
            connection.close()  # Django gives every thread its own

    def _renew(self) -> None:
        try:
            self.job.renew(settings.LEASE_S)
        except (DatabaseError, InterfaceError) as error:
            log.warning("job %s: the lease could not be renewed (%s)", self.job.pk, type(error).__name__)
            connection.close()

    def _end_process(self) -> None:
        text = f"Stage {self._stage} took longer than {self._limit_s / 60:.0f} min and was stopped."
        log.error("job %s: %s", self.job.pk, text)
        try:
            self.job.stumble(text, settings.MAX_ATTEMPTS)
        finally:
            os._exit(EXIT_OVERTIME)
