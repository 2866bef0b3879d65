"""A whole installation for tests: what `make up` starts, in a folder and on ports of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pydicom
from playwright.sync_api import Page

from orthanc.client import OrthancClient
from webapp.environment import read_env_file

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ENDED = {"done", "failed", "incomplete", "not_wanted"}
# Far from the defaults, so that a stack that runs from this checkout keeps its ports.
FIRST_PORT = 28000
STABLE_AGE_S = 3
REPLACED_BY_STACK = (
    "DATABASE_URL", "REDIS_URL", "BROKER_URL", "ORTHANC_URL", "SECRET_KEY", "NUDGE_TOKEN", "DJANGO_SETTINGS_MODULE",
)  # fmt: skip


@dataclass(frozen=True)
class Installation:
    """A running stack."""

    var: Path
    variables: dict[str, str]
    accounts: dict[str, dict[str, str]]
    environment: dict[str, str] = field(default_factory=dict)
    """Of its commands."""

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What `make up`, `down`, `backup` or `restore` runs, for this installation."""
        line = [sys.executable, "-m", "webapp.stack", *words]
        return subprocess.run(
            line, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, check=False
        )

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://localhost:{self.variables['PORT']}"

    def api(self) -> httpx.Client:
        """The API as the service account."""
        token = self.accounts["service"]["token"]
        return httpx.Client(
            base_url=f"{self.url}/api/", headers={"Authorization": f"Token {token}"}, timeout=60
        )

    def orthanc(self) -> OrthancClient:
        """Orthanc itself, past the web server."""
        variables = self.variables
        return OrthancClient(
            variables["ORTHANC_URL"], variables["ORTHANC_USER"], variables["ORTHANC_PASSWORD"], 60
        )

    def send(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """C-STORE everything below a folder, as a scanner would."""
        address = f"{self.variables['DICOM_AET']}@127.0.0.1:{self.variables['DICOM_PORT']}"
        line = [sys.executable, "-m", "orthanc", "send", str(folder), "--to", address]
        return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def study(self, study_uid: str) -> dict[str, Any]:
        """What the API says of a study; {} while it is unknown."""
        with self.api() as client:
            answer = client.get(f"studies/{study_uid}/")
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def wait_for(
        self, study_uid: str, fits: Callable[[dict[str, Any]], bool], within_s: float
    ) -> dict[str, Any]:
        """The study as soon as it fits; fails with its last state otherwise."""
        deadline = time.monotonic() + within_s
        study: dict[str, Any] = {}
        while time.monotonic() < deadline:
            study = self.study(study_uid)
            if study and fits(study):
                return study
            time.sleep(0.2)
        job = study.get("job") or {}
        raise AssertionError(
            f"after {within_s:g} s the study is {study.get('state')}: {study.get('reason')}; job {job}"
        )

    def wait_until_ended(self, study_uid: str, within_s: float = 300) -> dict[str, Any]:
        """The study when nothing more is going to happen by itself."""
        return self.wait_for(study_uid, lambda study: study["state"] in ENDED, within_s)

    def instance(self, sop_uid: str) -> pydicom.Dataset:
        """A DICOM object that Orthanc holds."""
        with self.orthanc() as client:
            found = client.find_instance(sop_uid)
            assert found, f"Orthanc has no instance {sop_uid}"
            return pydicom.dcmread(BytesIO(client.instance_bytes(found)))

    def count_instances(self, series_uid: str) -> int:
        """How many instances of a series Orthanc holds."""
        with self.orthanc() as client:
            found = client.find_series(series_uid)
        return len(self._ask_orthanc(f"series/{found}")["Instances"]) if found else 0

    def count_all_instances(self) -> int:
        """How many instances Orthanc holds."""
        return int(self._ask_orthanc("statistics")["CountInstances"])

    def _ask_orthanc(self, path: str) -> dict[str, Any]:
        user = (self.variables["ORTHANC_USER"], self.variables["ORTHANC_PASSWORD"])
        answer: dict[str, Any] = httpx.get(f"{self.variables['ORTHANC_URL']}/{path}", auth=user).json()
        return answer

    def wait_until_journal_is_read(self, within_s: float = 60) -> None:
        """Return when the follower has handled all that Orthanc has to tell, and Orthanc has come to rest."""
        time.sleep(STABLE_AGE_S + 1)
        last = self._ask_orthanc("changes?last")["Last"]
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self._last_seq_read() >= last:
                return
            time.sleep(0.2)
        raise AssertionError("the follower does not read on")

    def _last_seq_read(self) -> int:
        connection = psycopg2.connect(self.variables["DATABASE_URL"])
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT last_seq FROM review_followerstate")
            found = cursor.fetchone()
        connection.close()
        return int(found[0]) if found else 0

    def log_in(self, page: Page, role: str) -> None:
        """Open the worklist as the account of a role."""
        page.goto(f"{self.url}/login/")
        page.fill("input[name=username]", self.accounts[role]["username"])
        page.fill("input[name=password]", self.accounts[role]["password"])
        page.click("button[type=submit]")
        page.wait_for_url(f"{self.url}/")

    def kill(self, process: str) -> int:
        """kill -9 a process of the stack by its name in the Procfile; gives the number it had."""
        pid = int((self.var / "run" / f"{process}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        return pid


@contextmanager
def installed(var: Path, **extra: str) -> Iterator[Installation]:
    """Bring a stack up in `var` and down again at the end."""
    environment = {key: value for key, value in os.environ.items() if key not in REPLACED_BY_STACK}
    environment |= {
        "GLIOMA_VAR": str(var),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HEARTBEAT_MINUTES": "0",  # it would send studies of its own
        **extra,
    }
    environment |= dict(
        zip(("PORT", "ORTHANC_PORT", "DICOM_PORT", "PG_PORT", "REDIS_PORT"), _free_ports(), strict=True)
    )

    started = Installation(var, {}, {}, environment).command("up")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        accounts = json.loads((var / "accounts.json").read_text())
        yield Installation(var, read_env_file(var / "stack.env"), accounts, environment)
    finally:
        Installation(var, {}, {}, environment).command("down")


def _free_ports() -> list[str]:
    from webapp.stack.ports import choose_port

    ports: set[int] = set()
    for number in range(5):
        ports.add(choose_port(f"TEST_STACK_PORT_{number}", FIRST_PORT, ports, host=""))
    return [str(port) for port in sorted(ports)]
