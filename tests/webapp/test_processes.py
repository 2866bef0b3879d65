"""The command lines of the processes."""

from __future__ import annotations

from pathlib import Path

import dramatiq

from review import tasks
from webapp.stack.plan import Plan
from webapp.stack.processes import COMMANDS


def queues_of(process: str) -> set[str]:
    """The queues that a worker serves."""
    line = COMMANDS[process](Plan({}, []), Path()).line
    return set(line[line.index("--queues") + 1 :])


def test_every_actor_has_a_worker() -> None:
    actors = {one for one in vars(tasks).values() if isinstance(one, dramatiq.Actor)}
    assert {one.queue_name for one in actors} == queues_of("worker_cpu") | queues_of("worker_gpu")


def test_a_finished_study_does_not_stand_behind_those_that_wait_to_be_prepared() -> None:
    assert tasks.publish.queue_name != tasks.prepare.queue_name
    assert {tasks.publish.queue_name, tasks.prepare.queue_name} <= queues_of("worker_cpu")
    assert tasks.publish.priority < tasks.prepare.priority
