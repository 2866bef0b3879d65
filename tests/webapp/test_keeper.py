"""A kept process is started again when it dies, and goes after those that need it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

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


def test_a_server_ends_only_when_the_workers_that_need_it_have_ended(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "worker.pid").write_text("1")
    keeper = subprocess.Popen([sys.executable, "-c", KEEP, str(tmp_path)])
    until_exists(run / "server.pid")
    keeper.terminate()
    time.sleep(1)
    assert keeper.poll() is None  # it waits
    (run / "worker.pid").unlink()
    assert keeper.wait(30) == 0
    assert not (run / "server.pid").exists()


def test_a_server_does_not_wait_for_ever_for_a_worker_that_left_its_mark(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "worker.pid").write_text("1")
    keeper = subprocess.Popen([sys.executable, "-c", KEEP, str(tmp_path)])
    until_exists(run / "server.pid")
    keeper.terminate()
    assert keeper.wait(60) == 0
