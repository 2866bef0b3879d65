"""A site for the load benchmark: the real servers, the follower, and so many workers, each on one processor core."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from orthanc.send import Destination
from orthanc.server.process import start_orthanc
from segmentation.launch import FAST_MALLOC_ENV
from tests.drills.stand import ask
from tests.end_to_end.installation import REPOSITORY, STABLE_AGE_S, Installation
from tests.services import services
from webapp.stack.processes import LOOK_AHEAD

URGENT_WARD = "URGENT-"
RULES = [
    {
        "name": "Urgent",
        "urgency": "urgent",
        "conditions": [{"tag": "AccessionNumber", "test": "starts with", "value": URGENT_WARD}],
    },
    {"name": "MR studies", "conditions": [{"tag": "Modality", "test": "equals", "value": "MR"}]},
]
READY_WITHIN_S = 300.0


@dataclass(frozen=True)
class Site:
    """A running site: what `tests.drills.stand` asks, where to send, and the processes of the workers."""

    stack: Installation
    to: Destination
    workers: list[subprocess.Popen[bytes]]

    @property
    def artefacts(self) -> Path:
        """Where prepared studies wait."""
        return self.stack.var / "artefacts"


@contextmanager
def site(workers: int, prepare_ahead: int) -> Iterator[Site]:
    """Everything for as long as the block runs, empty at its beginning."""
    with ExitStack() as stack:
        variables = stack.enter_context(services())
        var = Path(variables["GLIOMA_VAR"])
        for part in ("artefacts", "log"):
            (var / part).mkdir(parents=True)
        orthanc = stack.enter_context(start_orthanc(var / "orthanc", stable_age_s=STABLE_AGE_S))
        variables |= {
            "ORTHANC_URL": orthanc.url,
            "ORTHANC_USER": orthanc.username,
            "ORTHANC_PASSWORD": orthanc.password,
            "MODEL": "phantom-demo",
            "HEARTBEAT_MINUTES": "0",
            "PREPARE_AHEAD": str(prepare_ahead),
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
        }
        environment = os.environ | variables | FAST_MALLOC_ENV | LOOK_AHEAD
        _manage(environment, "migrate", "--noinput", "--verbosity", "0")
        _manage(
            environment, "rules", "import", "-", "--why", "the load benchmark", text=yaml.safe_dump(RULES)
        )
        stack.enter_context(_kept("follower", environment, ["follow"]))
        at_work = [stack.enter_context(_worker(number, environment)) for number in range(workers)]
        place = Site(
            Installation(var, variables, {}),
            Destination(orthanc.aet, "127.0.0.1", orthanc.dicom_port),
            at_work,
        )
        _wait_until_ready(place)
        yield place


def _manage(environment: dict[str, str], *words: str, text: str = "") -> None:
    line = [sys.executable, "manage.py", *words]
    done = subprocess.run(
        line, cwd=REPOSITORY, env=environment, input=text, text=True, check=False, capture_output=True
    )
    if done.returncode:
        raise AssertionError(f"manage.py {words[0]}: {done.stderr.strip()}")


@contextmanager
def _worker(number: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """One worker for every queue, on a core of its own as long as there are any."""
    cores = sorted(os.sched_getaffinity(0))
    line = ["rundramatiq", "--processes", "1", "--threads", "1", "--queues", "cpu", "gpu", "results"]
    with _kept(f"worker_{number}", environment, line, core=cores[number % len(cores)]) as process:
        yield process


@contextmanager
def _kept(
    name: str, environment: dict[str, str], words: list[str], core: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    bound = [] if core is None else ["taskset", "--cpu-list", str(core)]
    with (Path(environment["GLIOMA_VAR"]) / "log" / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*bound, sys.executable, "manage.py", *words],
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_ready(place: Site) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        ((workers,),) = ask(place.stack, "SELECT count(*) FROM review_workerbeat")
        ((followers,),) = ask(place.stack, "SELECT count(*) FROM review_followerstate")
        if workers == len(place.workers) and followers:
            return
        time.sleep(0.5)
    raise AssertionError(f"follower and workers were not there within {READY_WITHIN_S:g} s")
