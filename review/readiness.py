"""Whether each part that a study needs is there, in one word each."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection

from review.health import SystemHealth, system_health
from review.storage import folder_trouble, is_nearly_full, storage_trouble

PARTS = ("database", "broker", "orthanc", "follower", "workers_cpu", "workers_gpu", "storage")


def readiness() -> dict[str, bool]:
    """Each part by name; where the database is away, nothing of what it would tell is taken for well."""
    try:
        health = system_health()
    except (OperationalError, InterfaceError):
        connection.close()
        return dict.fromkeys(PARTS, False) | {"storage": not folder_trouble()}
    return parts_of(health)


def parts_of(health: SystemHealth) -> dict[str, bool]:
    """The same from what was asked already."""
    served = {queue for worker in health.workers if worker.is_alive for queue in worker.queues}
    return {
        "database": True,
        "broker": not health.broker_trouble,
        "orthanc": not health.orthanc_trouble,
        "follower": health.follower_alive,
        "workers_cpu": "cpu" in served,
        "workers_gpu": "gpu" in served,
        "storage": storage_is_well(),
    }


def storage_is_well() -> bool:
    """Whether the artefact folder is there, is the known one, can be written, and has room."""
    try:
        return not storage_trouble() and not is_nearly_full()
    except OSError:
        return False
