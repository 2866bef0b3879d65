"""The one supervisor of the stack: honcho with the project's Procfile, in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from webapp.stack.errors import StackError
from webapp.stack.plan import REPOSITORY, Plan, load_plan, var_dir

STOP_WITHIN_S = 40
KILL_WAIT_S = 15  # Orthanc needs up to 5 s to close its database


def pid_file() -> Path:
    """Where the supervisor's process number is kept."""
    return var_dir() / "run" / "supervisor.pid"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[-1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"


def running_pid() -> int | None:
    """The supervisor's process number while it runs."""
    if not pid_file().is_file():
        return None
    pid = int(pid_file().read_text() or 0)
    if not pid or not _alive(pid):
        return None
    # After a reboot the number may belong to somebody else.
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    return pid if b"webapp.stack" in words else None


def start(plan: Plan) -> None:
    """Start the supervisor in a session of its own, so that it outlives the terminal."""
    log = (var_dir() / "log" / "supervisor.log").open("ab")
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.stack", "supervise"],
            cwd=REPOSITORY,
            env=plan.environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    pid_file().write_text(str(process.pid))


def supervise() -> int:
    """Run honcho over the Procfile until it is told to stop."""
    import honcho.manager
    from honcho.environ import parse_procfile

    honcho.manager.KILL_WAIT = KILL_WAIT_S
    plan = load_plan()
    lines = parse_procfile((REPOSITORY / "Procfile").read_text()).processes
    manager = honcho.manager.Manager()
    for name in plan.processes:
        manager.add_process(name, lines[name], env=plan.environment(), cwd=str(REPOSITORY))
    manager.loop()
    return int(manager.returncode or 0)


def anything_runs() -> bool:
    """Whether the supervisor runs here, or a process that a killed supervisor left behind."""
    return running_pid() is not None or bool(_kept_pids())


def stop() -> bool:
    """Stop everything and wait until it is gone. False when nothing ran.

    Raises:
        StackError: something did not end.
    """
    pid = running_pid()
    kept = _kept_pids()
    if pid is None and not kept:
        return False
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
    else:  # the supervisor was killed: its children are asked one by one
        for child in kept:
            os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while time.monotonic() < deadline:
        if (pid is None or not _alive(pid)) and not any(_alive(child) for child in kept):
            pid_file().unlink(missing_ok=True)
            return True
        time.sleep(0.1)
    raise StackError(f"Some processes did not stop within {STOP_WITHIN_S} s: see {var_dir() / 'log'}.")


def _kept_pids() -> list[int]:
    pids = [int(path.read_text() or 0) for path in (var_dir() / "run").glob("*.pid") if path != pid_file()]
    return [pid for pid in pids if pid and _alive(pid) and _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"GLIOMA_VAR={var_dir()}".encode() in environment.split(b"\0")
