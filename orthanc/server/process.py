"""Runs Orthanc as a child process, for tests and for who wants one without a supervisor."""

from __future__ import annotations

import os
import resource
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orthanc.client import OrthancClient
from orthanc.errors import NoServerError, OrthancUnavailableError
from orthanc.server.configuration import DicomWebServer, OrthancSettings, find_orthanc, write_configuration

READY_S = 30.0
STOP_S = 30.0
STACK_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class RunningOrthanc:
    """A server that answers."""

    url: str
    username: str
    password: str
    http_port: int
    dicom_port: int
    aet: str
    folder: Path
    pid: int

    def client(self, timeout_s: float = 60.0) -> OrthancClient:
        """A client with this server's credentials."""
        return OrthancClient(self.url, self.username, self.password, timeout_s)


def free_port() -> int:
    """A TCP port on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allow_deep_stack() -> None:
    """Let the server started next read a scanner's object of 20,000 nested sequences, which else ends it.

    The threads that take C-STORE get their stack by this limit; it is address space, not memory.
    """
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    asked = STACK_BYTES if most == resource.RLIM_INFINITY else min(STACK_BYTES, most)
    resource.setrlimit(resource.RLIMIT_STACK, (asked, most))


def orthanc_environment() -> dict[str, str]:
    """The environment for Orthanc: without TCP_NODELAY each C-STORE takes 88 ms instead of 2."""
    return {**os.environ, "TCP_NODELAY": "1"}


@contextmanager
def start_orthanc(
    folder: Path,
    *,
    http_port: int | None = None,
    dicom_port: int | None = None,
    aet: str = "GLIOMA",
    nudge_url: str = "",
    nudge_token: str = "",
    stable_age_s: int = 1,
    dicomweb_servers: tuple[DicomWebServer, ...] = (),
) -> Iterator[RunningOrthanc]:
    """Start Orthanc in `folder`, on free ports unless told, and stop it at the end.

    Raises:
        NoServerError: not installed, or it ended before it answered; the text has its last words.
    """
    settings = OrthancSettings(
        folder=folder,
        http_port=http_port or free_port(),
        dicom_port=dicom_port or free_port(),
        username="glioma",
        password=secrets.token_urlsafe(16),
        aet=aet,
        nudge_url=nudge_url,
        nudge_token=nudge_token,
        stable_age_s=stable_age_s,
        dicomweb_servers=dicomweb_servers,
    )
    installation = find_orthanc()
    configured = write_configuration(settings, installation)
    log = folder / "orthanc.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [str(installation.server), str(configured)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=orthanc_environment(),
            preexec_fn=allow_deep_stack,
        )
    try:
        yield _wait_until_ready(server, settings, log)
    finally:
        _stop(server)


def _wait_until_ready(
    server: subprocess.Popen[bytes], settings: OrthancSettings, log: Path
) -> RunningOrthanc:
    running = RunningOrthanc(
        url=f"http://127.0.0.1:{settings.http_port}",
        username=settings.username,
        password=settings.password,
        http_port=settings.http_port,
        dicom_port=settings.dicom_port,
        aet=settings.aet,
        folder=settings.folder,
        pid=server.pid,
    )
    deadline = time.monotonic() + READY_S
    with running.client(timeout_s=2.0) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                client.system()
                return running
            except OrthancUnavailableError:
                time.sleep(0.05)
    last_words = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
    raise NoServerError(f"Orthanc did not start:\n{last_words}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
