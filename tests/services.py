"""The private PostgreSQL and Redis of a test run: the same code that `make up` uses, in a folder that goes away."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from webapp.stack import postgres, redis
from webapp.stack.ports import choose_port, is_answering


def reachable_folder() -> Path:
    """A temporary folder that other users may enter: PostgreSQL may have to run as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="glioma-test-"))
    folder.chmod(0o711)
    return folder


def start_services() -> dict[str, str]:
    """Start both servers for this process and return the variables that point to them."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(services())


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """Both servers for as long as the block runs; the variables that point to them, and to a data folder."""
    folder = reachable_folder()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        password = secrets.token_urlsafe(16)
        # Runs that start together look from different ports on: both would take the first that is free.
        apart = os.getpid() % 900
        pg_port = choose_port("TEST_PG_PORT", 15432 + apart, set())
        database = stack.enter_context(postgres.running(folder / "pg", pg_port, password, folder / "pg.log"))
        redis_port = choose_port("TEST_REDIS_PORT", 16379 + apart, {pg_port})
        server = subprocess.Popen(
            redis.command(folder / "redis", redis_port, password),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        while not is_answering(redis_port):
            if server.poll() is not None:
                raise RuntimeError("The private Redis of the tests ended at once.")
            time.sleep(0.05)
        yield {
            "DATABASE_URL": database,
            "REDIS_URL": redis.url(redis_port, password),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "NUDGE_TOKEN": secrets.token_urlsafe(32),
            "GLIOMA_VAR": str(folder / "var"),
        }


def forget_caller() -> None:
    """Drop variables that would point the tests at a real installation."""
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "ORTHANC_URL", "MODEL", "ARTEFACTS_DIR"):
        os.environ.pop(name, None)
