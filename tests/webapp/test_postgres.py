"""The private PostgreSQL starts for ordinary users and for root, and keeps its data."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from webapp.stack import postgres
from webapp.stack.ports import choose_port


def _ask(url: str, question: str) -> object:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(question)
        answer = cursor.fetchone()[0] if cursor.description else None
    connection.close()
    return answer


def test_a_restarted_server_still_has_what_was_written(server_folder: Path) -> None:
    port = choose_port("TEST_OTHER_PG_PORT", 17432, set())
    for start in range(2):
        with postgres.running(server_folder / "pg", port, "secret", server_folder / "log") as url:
            if start == 0:
                _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
            assert _ask(url, "SELECT answer FROM kept") == 42


def test_a_wrong_password_is_refused(server_folder: Path) -> None:
    port = choose_port("TEST_OTHER_PG_PORT", 17432, set())
    with (
        postgres.running(server_folder / "other", port, "secret", server_folder / "log"),
        pytest.raises(psycopg2.OperationalError, match="password authentication failed"),
    ):
        psycopg2.connect(postgres.url(port, "guessed"))
