"""Files that a reader sees whole or not at all, whatever stops the writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Where to write what shall become `path`; it takes its place when the block ends without an error.

    The folder is made. What stood at `path` before stays until then, and for good if the block fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` as the file `path`."""
    with unfinished(path) as part:
        part.write_bytes(data)
