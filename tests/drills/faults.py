"""What can go wrong with a machine: each fault is begun and, where it is one that lasts, healed."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.drills.door import Door
from tests.drills.place import Disk
from tests.drills.stand import ask, until
from tests.end_to_end.installation import Installation

AT_WORK_WITHIN_S = 600.0


def nothing(stack: Installation) -> None:
    """Faults that are over at once need no healing."""


@dataclass(frozen=True)
class Fault:
    """One fault. `alarm` are words of the alert that must come while it lasts; empty: it is over at once."""

    name: str
    begin: Callable[[Installation], None]
    heal: Callable[[Installation], None] = nothing
    alarm: str = ""


def kill_at(stage: str, process: str) -> Callable[[Installation], None]:
    """kill -9 of a worker in the middle of a stage."""

    def begin(stack: Installation) -> None:
        running = "SELECT count(*) FROM review_job WHERE stage = %s AND state = 'running'"
        until(lambda: ask(stack, running, stage)[0][0], AT_WORK_WITHIN_S)
        stack.kill(process)

    return begin


def kept_down(process: str) -> Fault:
    """kill -9 of a process that cannot be started again until the fault is healed."""

    keepers: list[int] = []

    def begin(stack: Installation) -> None:
        keepers.append(_keeper_of(stack, process))
        os.kill(keepers[-1], signal.SIGSTOP)
        stack.kill(process)

    def heal(stack: Installation) -> None:
        os.kill(keepers.pop(), signal.SIGCONT)

    alarms = {
        "worker_cpu": "workers_cpu",
        "worker_gpu": "workers_gpu",
        "redis": "broker",
        "postgres": "database",
    }
    return Fault(f"{process} away", begin, heal, f"{alarms.get(process, process)} is not well")


def _keeper_of(stack: Installation, process: str) -> int:
    """The process that keeps another one alive."""
    pid = int((stack.var / "run" / f"{process}.pid").read_text())
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def killed(process: str) -> Fault:
    """kill -9 of a process that comes back by itself."""

    def begin(stack: Installation) -> None:
        stack.kill(process)

    return Fault(f"{process} killed", begin)


def empty_redis(stack: Installation) -> None:
    """Redis is killed and comes back without any message."""
    keeper = _keeper_of(stack, "redis")
    os.kill(keeper, signal.SIGSTOP)
    stack.kill("redis")
    for remains in (stack.var / "redis").iterdir():
        shutil.rmtree(remains) if remains.is_dir() else remains.unlink()
    os.kill(keeper, signal.SIGCONT)


def hang(process: str, alarm: str) -> Fault:
    """A process that is there and does not answer: stopped in the middle, and let go on."""

    def tell(number: signal.Signals) -> Callable[[Installation], None]:
        def do(stack: Installation) -> None:
            os.kill(int((stack.var / "run" / f"{process}.pid").read_text()), number)

        return do

    return Fault(f"{process} hangs", tell(signal.SIGSTOP), tell(signal.SIGCONT), f"{alarm} is not well")


def lose_orthanc_files(stack: Installation) -> None:
    """Orthanc answers, but its files are away: every download fails."""
    folder = stack.var / "orthanc" / "storage"
    folder.rename(folder.with_name("storage.away"))
    stack.kill("orthanc")  # it keeps what it read last in memory


def find_orthanc_files(stack: Installation) -> None:
    """They are back; what Orthanc put in their place meanwhile is kept with them."""
    folder = stack.var / "orthanc" / "storage"
    away = folder.with_name("storage.away")
    if folder.exists():
        shutil.copytree(folder, away, dirs_exist_ok=True)
        shutil.rmtree(folder)
    away.rename(folder)


def behind_door(name: str, door: Door) -> Fault:
    """Orthanc is there, but what stands before it is slow or fails."""
    return Fault(name, door.open, door.close, "orthanc is not well")


def move_clock(hours: int) -> Callable[[Installation], None]:
    """Every time that work depends on moves the other way, as if all clocks had jumped by so many hours."""

    def begin(stack: Installation) -> None:
        shift = f"interval '{-hours} hours'"
        for table, columns in (
            ("review_job", ("lease_until", "not_before", "send_at", "queued_at")),
            ("review_workerbeat", ("seen_at",)),
            ("review_followerstate", ("heartbeat_at",)),
        ):
            moved = ", ".join(f"{column} = {column} + {shift}" for column in columns)
            ask(stack, f"UPDATE {table} SET {moved}")

    return begin


def _queues(stack: Installation) -> tuple[redis.Redis, list[str]]:
    return redis.Redis.from_url(stack.variables["REDIS_URL"]), ["dramatiq:cpu", "dramatiq:gpu"]


def double_messages(stack: Installation) -> None:
    """Every message that waits comes three times, and in another order."""
    broker, queues = _queues(stack)
    for queue in queues:
        messages = broker.lrange(queue, 0, -1) * 3
        random.Random(9).shuffle(messages)
        if messages:
            broker.delete(queue)
            broker.rpush(queue, *messages)


def drop_messages(stack: Installation) -> None:
    """Every message that waits is lost, while Redis goes on."""
    broker, queues = _queues(stack)
    broker.delete(*queues)


def all_faults(disk: Disk | None, artefacts: Path) -> list[Fault]:
    """Every fault of the drill, in order."""
    return [
        Fault("worker killed in prepare", kill_at("prepare", "worker_cpu")),
        *_faults_of_storage(disk, artefacts),
        Fault("worker killed in infer", kill_at("infer", "worker_gpu")),
        *(
            kept_down(one)
            for one in ("web", "follower", "worker_cpu", "worker_gpu", "redis", "postgres", "orthanc")
        ),
        hang("orthanc", "orthanc"),
        Fault("Orthanc's files away", lose_orthanc_files, find_orthanc_files, "orthanc is not well"),
        behind_door("Orthanc slow", Door(wait_s=5.0)),
        behind_door("Orthanc answers 500", Door(fails=True)),
        Fault("worker killed in publish", kill_at("publish", "worker_cpu")),
        Fault("messages doubled, shuffled", double_messages),
        Fault("messages lost", drop_messages),
        Fault("Redis killed and wiped", empty_redis),
        *(killed(process) for process in ("web", "follower", "postgres", "orthanc")),
        Fault("clock +1 h", move_clock(1)),
        Fault("clock -1 h", move_clock(-1)),
    ]


def _faults_of_storage(disk: Disk | None, artefacts: Path) -> list[Fault]:
    alarm = "storage is not well"
    away = artefacts.with_name("artefacts.away")
    if disk is None:  # without root no disk can be mounted: the folder is taken away instead
        return [
            Fault(
                "storage folder away",
                lambda _: _rename(artefacts, away),
                lambda _: _rename(away, artefacts),
                alarm,
            )
        ]
    return [
        Fault("disk full", lambda _: disk.fill(), lambda _: disk.empty(), alarm),
        Fault("storage unmounted", lambda _: disk.unmount(), lambda _: disk.mount(), alarm),
    ]


def _rename(folder: Path, to: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(to)
    folder.rename(to)
