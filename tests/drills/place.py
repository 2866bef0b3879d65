"""The folder for artefacts as a mounted disk of its own, that can be filled and unmounted (needs root)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LARGE = "3g"


def can_mount() -> bool:
    """Whether this process may mount a disk of memory."""
    return os.geteuid() == 0


@dataclass(frozen=True)
class Disk:
    """A disk of memory, mounted at `disk` and bound to `folder`, which is what the stack uses."""

    disk: Path
    folder: Path

    def unmount(self) -> None:
        """Leave the bare folder below, empty and writable, as after a boot without the mount."""
        _run("umount", "--lazy", str(self.folder))

    def mount(self) -> None:
        """Bind the disk to its folder (again)."""
        _run("mount", "--bind", str(self.disk), str(self.folder))

    def fill(self) -> None:
        """Leave no room: the disk is made as small as what it holds."""
        used_kb = int(subprocess.check_output(["df", "--output=used", "-k", str(self.disk)]).split()[-1])
        self._resize(f"{used_kb + 64}k")

    def empty(self) -> None:
        """Give the room back."""
        self._resize(LARGE)

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.disk))


def _run(*line: str) -> None:
    subprocess.run(line, check=True, capture_output=True)


@contextmanager
def mounted(root: Path) -> Iterator[Disk]:
    """The disk for as long as the block runs."""
    place = Disk(root / "disk", root / "artefacts")
    place.disk.mkdir()
    place.folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(place.disk))
    place.mount()
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place.folder)], check=False, capture_output=True)
        subprocess.run(["umount", "--lazy", str(place.disk)], check=False, capture_output=True)
