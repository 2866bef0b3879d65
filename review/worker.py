"""What a worker process needs beside Dramatiq's own middleware."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from typing import Any

from dramatiq.middleware import Middleware

PR_SET_PDEATHSIG = 1


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
