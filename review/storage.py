"""The folder for artefacts: whether it is there, is the one that this installation knows, and has room.

It carries a mark that the database knows. A mount point whose storage is not mounted is an ordinary folder that can
be written, and only the missing mark tells; so does a worker's host that mounts another folder than the others.
"""

from __future__ import annotations

import errno
import shutil
import uuid
from pathlib import Path

from django.conf import settings

from review.models import FollowerState

MARK = ".storage-id"
STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN})
"""What the system says of a file that the storage, not the job, is to blame for."""

STOP_FRACTION = 5
"""People are told when LOW_DISK_MB is left; work stops at a fifth of it, before databases on the same disk do."""


def folder_trouble() -> str:
    """What is wrong with the folder, as far as it shows by itself; empty where nothing is."""
    folder = Path(settings.ARTEFACTS_DIR)
    try:
        if not folder.is_dir():
            return "The folder for artefacts is missing."
        _write_probe(folder)
        free_mb = shutil.disk_usage(folder).free / 1e6
    except OSError as error:
        return f"The folder for artefacts cannot be written: {error.strerror}."
    if free_mb < settings.LOW_DISK_MB / STOP_FRACTION:
        return f"The storage for artefacts is full: {free_mb:.0f} MB are left."
    return ""


def storage_trouble() -> str:
    """The same, and whether it is the storage that the database knows; work waits while this is not empty."""
    if trouble := folder_trouble():
        return trouble
    known = FollowerState.load().storage_id
    if known and _read_mark() != known:
        return (
            "The folder for artefacts is not the known one: is the storage mounted? "
            "If it was replaced on purpose: manage.py adopt_storage"
        )
    return ""


def is_nearly_full() -> bool:
    """Whether people should make room."""
    return shutil.disk_usage(settings.ARTEFACTS_DIR).free < settings.LOW_DISK_MB * 1e6


def adopt_storage() -> str:
    """Take the folder as it is for the installation's own from now on; gives its mark."""
    Path(settings.ARTEFACTS_DIR).mkdir(parents=True, exist_ok=True)
    mark = _read_mark() or str(uuid.uuid4())
    (Path(settings.ARTEFACTS_DIR) / MARK).write_text(mark + "\n")
    FollowerState.load()
    FollowerState.objects.update(storage_id=mark)
    return mark


def mark_new_storage() -> None:
    """Mark the folder of an installation that has not marked one yet."""
    if not FollowerState.load().storage_id:
        adopt_storage()


def _read_mark() -> str:
    try:
        return (Path(settings.ARTEFACTS_DIR) / MARK).read_text().strip()
    except OSError:
        return ""


def _write_probe(folder: Path) -> None:
    # An unmounted network folder may still be listed; only a write tells.
    (folder / ".ready").write_text("ready\n")
