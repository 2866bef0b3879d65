"""Backup and restore of one installation: PostgreSQL, Orthanc, models, label maps, accounts and secrets.

A backup is taken while everything runs. The database is dumped first: what Orthanc received since is found by the
follower after a restore, whereas a result without its images would not be.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from webapp.stack import postgres, supervisor
from webapp.stack.errors import StackError
from webapp.stack.plan import Plan, load_plan, make_plan, var_dir
from webapp.stack.up import OUR_LABEL, say

DUMP, MANIFEST = "database.dump", "manifest.json"
FOLDERS = ("models", "artefacts")
FILES = ("stack.env", "accounts.json")


def back_up(target: Path | None) -> Path:
    """Write a backup folder, whole or not at all, readable by the owner only; gives the folder.

    Raises:
        StackError: the target exists, or a part could not be saved.
    """
    plan = load_plan()
    _need_private(plan)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    target = (target or var_dir() / "backups" / stamp).resolve()
    if target.exists():
        raise StackError(f"{target} exists already; a backup never overwrites another.")
    scratch = target.with_name(f".{target.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o700)
    running = supervisor.running_pid() is not None
    with nullcontext() if running else _database(plan):
        say(OUR_LABEL + "database")
        _pg("pg_dump", plan, "--format=custom", f"--file={scratch / DUMP}")
    say(OUR_LABEL + "Orthanc")
    _copy_orthanc(var_dir() / "orthanc", scratch / "orthanc", _orthanc_pid() if running else None)
    say(OUR_LABEL + "models, label maps, accounts")
    for name in FOLDERS:
        _copy_folder(var_dir() / name, scratch / name)
    for name in FILES:
        shutil.copy2(var_dir() / name, scratch / name)
    manifest = {"made_at": stamp, "database_sha256": _sha256(scratch / DUMP)}
    (scratch / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    scratch.rename(target)
    return target


def restore(source: Path) -> Path | None:
    """Put a backup in the place of what is here; gives the folder to which that was moved, if there was any.

    Raises:
        StackError: the stack runs, the backup is not whole, or the database did not take it.
    """
    _check(source)
    if supervisor.anything_runs():
        raise StackError("Something runs here: `make down` first.")
    aside = _move_aside()
    for name in FILES:
        _copy_secret(source / name, var_dir() / name)
    plan = make_plan()
    _need_private(plan)
    say(OUR_LABEL + "database")
    with _database(plan):
        _pg("pg_restore", plan, "--no-owner", "--exit-on-error", str(source / DUMP))
    say(OUR_LABEL + "Orthanc, models, label maps")
    for name in ("orthanc", *FOLDERS):
        _copy_folder(source / name, var_dir() / name)
    return aside


def _need_private(plan: Plan) -> None:
    elsewhere = {"postgres", "orthanc"} - plan.private
    if elsewhere:
        names = " and ".join(sorted(elsewhere))
        raise StackError(f"{names}: not run here, so they need the backup of the place where they run.")


def _database(plan: Plan) -> AbstractContextManager[str]:
    var = var_dir()
    return postgres.running(
        var / "postgres", plan.port("PG_PORT"), plan.variables["PG_PASSWORD"], var / "log" / "postgres.log"
    )


def _pg(program: str, plan: Plan, *options: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, where no other user reads it."""
    address = urlsplit(plan.variables["DATABASE_URL"])
    line = [
        str(postgres.find_binaries() / program), "--host", str(address.hostname), "--port", str(address.port),
        "--username", str(address.username), f"--dbname={address.path.lstrip('/')}", "--no-password", *options,
    ]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": unquote(address.password or "")}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"{program}: {(done.stderr.strip() or 'no output').splitlines()[-1]}")


def _copy_orthanc(folder: Path, copy: Path, pid: int | None) -> None:
    """The index in one state, then the files, which never change.

    Orthanc locks its index for itself alone, so its process (`pid`, where one runs) is held still for the moment in
    which index and write-ahead log are copied: what a power failure would leave, which SQLite mends at the next start.
    """
    if not (folder / "index").is_dir():
        return
    with _held_still(pid):
        _copy_folder(folder / "index", copy / "index")
    _copy_folder(folder / "storage", copy / "storage")


@contextmanager
def _held_still(pid: int | None) -> Iterator[None]:
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _orthanc_pid() -> int:
    return int((var_dir() / "run" / "orthanc.pid").read_text())


def _copy_folder(folder: Path, copy: Path) -> None:
    """A folder that others change meanwhile: what goes away while it is copied is not needed."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        place = copy / path.relative_to(folder)
        try:
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)
        except FileNotFoundError:
            if path.exists():
                raise


def _copy_secret(source: Path, place: Path) -> None:
    place.touch(mode=0o600)
    place.write_bytes(source.read_bytes())


def _check(source: Path) -> None:
    if not (source / MANIFEST).is_file():
        raise StackError(f"{source} is no whole backup: it has no {MANIFEST}.")
    if json.loads((source / MANIFEST).read_text())["database_sha256"] != _sha256(source / DUMP):
        raise StackError(f"{source / DUMP} is not as it was written: this backup is damaged.")


def _move_aside() -> Path | None:
    """Nothing is deleted: what was here goes to a folder of its own. The queue is filled again from the database."""
    var = var_dir()
    var.mkdir(parents=True, exist_ok=True)
    names = [name for name in ("postgres", "orthanc", "redis", *FOLDERS, *FILES) if (var / name).exists()]
    if not names:
        return None
    aside = var / f"before-restore-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}"
    aside.mkdir(mode=0o700)
    for name in names:
        (var / name).rename(aside / name)
    return aside


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
