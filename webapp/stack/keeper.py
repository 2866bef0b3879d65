"""Keeps one process of the stack alive: starts it again when it dies, and writes its output to a log file.

The supervisor (honcho) stops everything when one process ends; a worker that was killed must come back instead.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO

LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 5
CALM_AFTER_S = 60
LONGEST_PAUSE_S = 30
STOP_WITHIN_S = 4.5
CLIENTS_WITHIN_S = 8.0  # with the line above less than the 15 s after which the supervisor kills
PR_SET_PDEATHSIG = 1


def _die_with_parent(stop_signal: int) -> Callable[[], None]:
    """A preparation of the child that makes the kernel end it when this keeper is killed."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, stop_signal)

    return prepare


def _log_to(path: Path) -> logging.Logger:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger(f"keeper.{path.stem}")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    return log


class Keeper:
    """One kept process."""

    def __init__(
        self,
        name: str,
        command: list[str],
        var_dir: Path,
        stop_signal: int = signal.SIGTERM,
        clients: tuple[str, ...] = (),
    ) -> None:
        """`clients` are kept processes that may still need this one while they stop: it goes after them."""
        self.name = name
        self.command = command
        self.stop_signal = stop_signal
        self.pid_file = var_dir / "run" / f"{name}.pid"
        self.client_files = [self.pid_file.with_name(f"{client}.pid") for client in clients]
        self.log = _log_to(var_dir / "log" / f"{name}.log")
        self.child: subprocess.Popen[str] | None = None
        self.stopping = False

    def run(self) -> int:
        """Keep the process until this keeper is told to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        pause_s = 0.5
        while not self.stopping:
            started = time.monotonic()
            code = self._run_once()
            if self.stopping:
                break
            pause_s = 0.5 if time.monotonic() - started > CALM_AFTER_S else min(pause_s * 2, LONGEST_PAUSE_S)
            self._say(f"{self.name} ended with {code}; starting it again in {pause_s:g} s")
            time.sleep(pause_s)
        self.pid_file.unlink(missing_ok=True)
        return 0

    def _run_once(self) -> int:
        self.child = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            process_group=0,  # the supervisor signals our group: the child is told by us alone, once and in its turn
            preexec_fn=_die_with_parent(self.stop_signal),
        )
        self.pid_file.write_text(str(self.child.pid))
        pump = threading.Thread(target=self._copy, args=(self.child.stdout,), daemon=True)
        pump.start()
        code = self.child.wait()
        # A grandchild may hold the pipe a little longer; the log must not keep us from starting again.
        pump.join(timeout=1)
        return code

    def _copy(self, stream: IO[str]) -> None:
        for line in stream:
            self.log.info(line.rstrip("\n"))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
        if self.child is None or self.child.poll() is not None:
            return
        threading.Thread(target=self._end, args=(self.child,), daemon=True).start()

    def _end(self, child: subprocess.Popen[str]) -> None:
        deadline_s = time.monotonic() + CLIENTS_WITHIN_S
        while time.monotonic() < deadline_s and any(file.exists() for file in self.client_files):
            time.sleep(0.1)
        child.send_signal(self.stop_signal)
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()

    def _say(self, text: str) -> None:
        self.log.info("--- %s %s", time.strftime("%Y-%m-%d %H:%M:%S"), text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
