"""The command line of each process in the Procfile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orthanc.server.process import allow_deep_stack
from segmentation.launch import FAST_MALLOC_ENV
from webapp.stack import postgres, redis
from webapp.stack.keeper import Keeper
from webapp.stack.plan import REPOSITORY, Plan, load_plan, var_dir

WEB_THREADS = 16  # a viewer asks for many frames at once; each waits on Orthanc, not on the processor

# Of each queue. A ticket taken ahead is one that an idle worker does not get, and is gone for a while with a worker
# that is killed (DECISIONS.md).
LOOK_AHEAD = {"dramatiq_queue_prefetch": "1"}

CLIENTS = ("web", "follower", "worker_cpu", "worker_gpu")
"""Of the database and the broker."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start one process, and the signal that ends it well."""

    line: list[str]
    stop_signal: int = signal.SIGTERM
    extra: tuple[tuple[str, str], ...] = ()
    clients: tuple[str, ...] = ()
    """Processes that stop before this one: a worker hands its job back to the database."""


def _manage(*words: str) -> list[str]:
    return [sys.executable, str(REPOSITORY / "manage.py"), *words]


def _postgres(plan: Plan, var: Path) -> Command:
    line = postgres.command(var / "postgres", plan.port("PG_PORT"))
    return Command(line, signal.SIGINT, clients=CLIENTS)


def _redis(plan: Plan, var: Path) -> Command:
    line = redis.command(var / "redis", plan.port("REDIS_PORT"), plan.variables["REDIS_PASSWORD"])
    return Command(line, clients=CLIENTS)


def _orthanc(plan: Plan, var: Path) -> Command:
    from webapp.stack.pacs import orthanc_command

    return Command(orthanc_command(plan, var))


def _web(plan: Plan, var: Path) -> Command:
    host = os.environ.get("WEB_HOST", "127.0.0.1")
    return Command(
        [
            sys.executable, "-m", "gunicorn", "webapp.wsgi", "--bind", f"{host}:{plan.variables['PORT']}",
            "--workers", "1", "--threads", str(WEB_THREADS), "--timeout", "120",
            "--graceful-timeout", "3", "--no-control-socket",
            "--forwarded-allow-ips", os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"),
        ]
    )  # fmt: skip


def _follower(plan: Plan, var: Path) -> Command:
    return Command(_manage("follow"))


def _worker(*queues: str) -> Callable[[Plan, Path], Command]:
    def build(plan: Plan, var: Path) -> Command:
        line = _manage("rundramatiq", "--processes", "1", "--threads", "1", "--queues", *queues)
        return Command(line, extra=tuple((FAST_MALLOC_ENV | LOOK_AHEAD).items()))

    return build


COMMANDS: dict[str, Callable[[Plan, Path], Command]] = {
    "postgres": _postgres,
    "redis": _redis,
    "orthanc": _orthanc,
    "web": _web,
    "follower": _follower,
    "worker_cpu": _worker("cpu", "results"),
    "worker_gpu": _worker("gpu"),
}


def keep(name: str) -> int:
    """Run one process of the Procfile until told to stop, starting it again when it dies."""
    plan = load_plan()
    os.environ.update(plan.environment())
    os.chdir(REPOSITORY)
    command = COMMANDS[name](plan, var_dir())
    os.environ.update(dict(command.extra))
    if name == "orthanc":
        allow_deep_stack()
    return Keeper(name, command.line, var_dir(), command.stop_signal, command.clients).run()
