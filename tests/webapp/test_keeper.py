"""A kept process is started again when it dies, and goes after those that need it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

KEEP = """
import sys
from pathlib import Path
from webapp.stack.keeper import Keeper
Keeper("server", [sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]), clients=("worker",)).run()
"""


def until_exists(file: Path) -> None:
    deadline_s = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline_s, f"{file.name} did not come"
        time.sleep(0.05)


@pytest.fixture
def stopping(tmp_path: Path) -> subprocess.Popen[bytes]:
    """The keeper of a server, told to end while the worker that needs it still has its mark."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "worker.pid").write_text("1")
    keeper = subprocess.Popen([sys.executable, "-c", KEEP, str(tmp_path)])
    until_exists(run / "server.pid")
    keeper.terminate()
    return keeper


def test_a_server_ends_only_when_the_workers_that_need_it_have_ended(
    stopping: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    time.sleep(1)
    assert stopping.poll() is None  # it waits
    (tmp_path / "run" / "worker.pid").unlink()
    assert stopping.wait(30) == 0
    assert not (tmp_path / "run" / "server.pid").exists()


def test_a_server_does_not_wait_for_ever_for_a_worker_that_left_its_mark(
    stopping: subprocess.Popen[bytes],
) -> None:
    assert stopping.wait(60) == 0
