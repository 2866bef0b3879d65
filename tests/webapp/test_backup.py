"""Backups that are not whole are refused, and nothing is overwritten or deleted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import psycopg2
import pytest

from orthanc.server.process import start_orthanc
from orthanc.study_maker import VisitDescription, make_study
from tests.frontend.synthetic import make_images
from webapp.stack import backup
from webapp.stack.errors import StackError
from webapp.stack.plan import Plan, load_plan, make_plan


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLIOMA_VAR", str(tmp_path / "var"))
    (tmp_path / "var").mkdir()
    return tmp_path / "var"


def ask(plan: Plan, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(plan.variables["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


@pytest.mark.stack
def test_a_wiped_folder_gets_its_database_files_and_accounts_back(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    var, saved = server_folder / "var", server_folder / "saved"
    for name in ("DATABASE_URL", "REDIS_URL", "ORTHANC_URL", "SECRET_KEY", "NUDGE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLIOMA_VAR", str(var))
    plan = make_plan()
    with backup._database(plan):
        ask(plan, "CREATE TABLE visit (note text); INSERT INTO visit VALUES ('seen')")
    (var / "accounts.json").write_text("{}")
    (var / "models" / "own").mkdir()
    (var / "models" / "own" / "weights").write_bytes(b"w")
    assert backup.back_up(saved) == saved
    with pytest.raises(StackError, match="never overwrites"):
        backup.back_up(saved)
    restore_beside_it(plan, server_folder / "second", saved, monkeypatch)
    monkeypatch.setenv("GLIOMA_VAR", str(var))
    shutil.rmtree(var)
    assert backup.restore(saved) is None
    restored = load_plan()
    assert restored.variables["SECRET_KEY"] == plan.variables["SECRET_KEY"]
    assert (var / "models" / "own" / "weights").read_bytes() == b"w"
    assert (var / "accounts.json").stat().st_mode & 0o077 == 0
    with backup._database(restored):
        assert ask(restored, "SELECT note FROM visit") == [("seen",)]


def restore_beside_it(live: Plan, second: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same backup put into another folder while the first database runs: neither touches the other."""
    with backup._database(live):
        monkeypatch.setenv("GLIOMA_VAR", str(second))
        assert backup.restore(saved) is None
        other = load_plan()
        assert other.port("PG_PORT") != live.port("PG_PORT")
        with backup._database(other):
            ask(other, "UPDATE visit SET note = 'changed'")
            assert ask(live, "SELECT note FROM visit") == [("seen",)]


def test_nothing_is_restored_under_a_process_that_a_killed_supervisor_left_behind(
    var: Path, tmp_path: Path
) -> None:
    (tmp_path / backup.DUMP).write_bytes(b"dump")
    checksum = hashlib.sha256(b"dump").hexdigest()
    (tmp_path / backup.MANIFEST).write_text(json.dumps({"database_sha256": checksum}))
    left = subprocess.Popen(["sleep", "60"], env={**os.environ, "GLIOMA_VAR": str(var)})
    (var / "run").mkdir()
    (var / "run" / "postgres.pid").write_text(str(left.pid))
    try:
        with pytest.raises(StackError, match="make down"):
            backup.restore(tmp_path)
    finally:
        left.kill()
        left.wait()
    assert [path.name for path in var.iterdir()] == ["run"]


def test_a_folder_without_manifest_is_no_backup(var: Path, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no whole backup"):
        backup.restore(tmp_path)


def test_a_dump_that_was_changed_is_refused(var: Path, tmp_path: Path) -> None:
    (tmp_path / backup.DUMP).write_bytes(b"changed")
    (tmp_path / backup.MANIFEST).write_text(json.dumps({"database_sha256": "0"}))
    with pytest.raises(StackError, match="damaged"):
        backup.restore(tmp_path)
    assert list(var.iterdir()) == []


def test_what_is_here_is_moved_aside_not_deleted(var: Path) -> None:
    (var / "postgres").mkdir()
    (var / "postgres" / "PG_VERSION").write_text("18")
    aside = backup._move_aside()
    assert aside is not None
    assert (aside / "postgres" / "PG_VERSION").read_text() == "18"
    assert not (var / "postgres").exists()


@pytest.mark.stack
def test_a_real_orthanc_starts_from_the_copy_taken_while_it_ran(tmp_path: Path) -> None:
    files = make_study(make_images(), tmp_path / "study", VisitDescription("PAT-3", "Roe^Rita"), "backup")
    folder, copy = tmp_path / "orthanc", tmp_path / "copy"
    with start_orthanc(folder) as running, running.client() as pacs:
        stored = [pacs.store(path) for path in files[:3]]
        backup._copy_orthanc(folder, copy, running.pid)
        pacs.delete_study(stored[0].study_orthanc_id)
    with start_orthanc(copy) as again, again.client() as pacs:
        assert pacs.studies() == [stored[0].study_orthanc_id]
        assert pacs.instance_bytes(stored[2].orthanc_id)
