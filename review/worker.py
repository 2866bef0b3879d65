"""What a worker process needs beside Dramatiq's own middleware."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from dramatiq.middleware import Middleware

from review.memory import offer_to_be_ended, resident_mb

if TYPE_CHECKING:
    from review.watch import Watcher

PR_SET_PDEATHSIG = 1
STOP_WITHIN_S = 5.0

log = logging.getLogger(__name__)


class DieWithMaster(Middleware):
    """End a worker process with its master, so that `kill -9` of the master leaves no orphan at work."""

    def after_process_boot(self, broker: Any) -> None:
        """Ask the kernel (Linux) for the signal."""
        if not sys.platform.startswith("linux"):
            return
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        # The master may have died before the request; then another process has already adopted this one.
        master = multiprocessing.parent_process()
        if master is not None and os.getppid() != master.pid:
            os.kill(os.getpid(), signal.SIGKILL)


class Recycle(Middleware):
    """Keep a worker's memory bounded, and let go of its job when it is told to stop.

    Libraries keep memory that they once took: a worker that holds too much after a job ends itself, and its keeper
    starts a new one.
    """

    def after_process_boot(self, broker: Any) -> None:
        """Where memory ends, let the kernel choose this process."""
        offer_to_be_ended()

    def after_process_message(
        self, broker: Any, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """End this worker, by its master, where it holds too much."""
        held_mb = resident_mb()
        if held_mb > settings.WORKER_RECYCLE_MB:
            log.info("this worker holds %.0f MB and is started afresh", held_mb)
            os.kill(os.getppid(), signal.SIGTERM)

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """A job that cannot end in time is another worker's at once, not when its lease runs out."""
        from review.leases import hand_back_all

        try:
            hand_back_all()
        except (DatabaseError, InterfaceError) as error:
            log.warning("the job could not be handed back (%s); its lease runs out", type(error).__name__)


class Heartbeat(Middleware):
    """Write down every few seconds that this worker process is alive and which queues it serves."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._name = ""
        self._thread: threading.Thread | None = None
        self._watcher: Watcher | None = None

    def after_worker_boot(self, broker: Any, worker: Any) -> None:
        """Start to beat."""
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        # A queue has a second one for delayed messages, which is of no interest here.
        queues = sorted(name for name in (worker.consumers or broker.queues) if not name.endswith(".DQ"))
        from review.watch import start_watching

        self._watcher = start_watching()
        self._thread = threading.Thread(target=self._beat, args=(queues,), name="heartbeat", daemon=True)
        self._thread.start()

    def before_worker_shutdown(self, broker: Any, worker: Any) -> None:
        """Stop, so that the worker does not look like one that died."""
        self._stopped.set()
        if self._watcher is not None:
            self._watcher.stop()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def _beat(self, queues: list[str]) -> None:
        from review.models.workers import BEAT_EVERY_S, WorkerBeat

        with suppress(DatabaseError, InterfaceError):  # of no weight; the next start does it
            WorkerBeat.forget_ended(socket.gethostname())
        while not self._stopped.is_set():
            try:
                WorkerBeat.beat(self._name, queues)
            except (DatabaseError, InterfaceError) as error:
                log.warning("the worker's heartbeat could not be written (%s)", type(error).__name__)
                connection.close()
            self._stopped.wait(BEAT_EVERY_S)
        with suppress(DatabaseError, InterfaceError):  # the database may be stopped at the same time
            WorkerBeat.objects.filter(name=self._name).delete()
        connection.close()
