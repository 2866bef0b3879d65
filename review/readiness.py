"""Whether each part that a study needs is there, in one word each."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from review.health import SystemHealth, system_health

LOW_DISK_BYTES = 5 * 10**9
PARTS = ("database", "broker", "orthanc", "follower", "workers_cpu", "workers_gpu", "storage")


def readiness() -> dict[str, bool]:
    """Each part by name; where the database is away, nothing of what it would tell is taken for well."""
    try:
        health = system_health()
    except (OperationalError, InterfaceError):
        connection.close()
        return dict.fromkeys(PARTS, False) | {"storage": storage_is_well()}
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
    """Whether the artefact folder is there, can be written, and has room."""
    folder = Path(settings.ARTEFACTS_DIR)
    try:
        return folder.is_dir() and _can_write(folder) and shutil.disk_usage(folder).free > LOW_DISK_BYTES
    except OSError:
        return False


def _can_write(folder: Path) -> bool:
    # An unmounted network folder may still be listed; only a write tells.
    probe = folder / ".ready"
    try:
        probe.write_text("ready\n")
    except OSError:
        return False
    return True
