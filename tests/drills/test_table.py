"""The table of the fault drill: kept row by row, resumed where it was left, and red where anything was lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.drills.door import Door, QuietServer, through
from tests.drills.drill import Outcome, Row, given_up, line
from tests.drills.ledger import Ledger

GOOD = Outcome("redis away", 6, 0, 0, 12.3, 31.0, True)


def test_a_drill_that_was_interrupted_goes_on_with_the_faults_that_have_no_row(tmp_path: Path) -> None:
    path = tmp_path / "var" / "drill.json"
    first = Ledger(path, resume=True)
    assert first.keep([GOOD, replace(GOOD, fault="web killed", lasts=False, alert_s=None)])
    again = Ledger(path, resume=True)
    assert list(again.rows) == ["redis away", "web killed"]
    assert again.keep([GOOD]) == []
    assert again.keep([replace(GOOD, lost=1)]) == [replace(GOOD, lost=1)]
    assert Ledger(path, resume=True).rows["redis away"].lost == 1
    assert Ledger(path, resume=False).rows == {}


@pytest.mark.parametrize(
    "bad",
    [{"lost": 1}, {"duplicated": 1}, {"recovered_s": None}, {"alert_s": None}, {"alert_s": 61.0}],
)
def test_a_row_is_good_only_with_nothing_lost_or_doubled_and_an_alert_in_time(
    bad: dict[str, float | None],
) -> None:
    assert GOOD.is_good
    assert not replace(GOOD, **bad).is_good


def test_studies_that_did_not_end_count_as_lost() -> None:
    row = given_up(Row("orthanc away", ("1.2", "1.3"), 20.0, None, True))
    assert (row.lost, row.is_good) == (2, False)
    assert line(row).split() == ["orthanc", "away", "2", "2", "0", "not!", "20.0"]


@pytest.fixture
def inner() -> str:
    """A server that answers with what it was sent."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None:
            pass

    yield from _serving(ThreadingHTTPServer(("127.0.0.1", 0), Echo))


def _serving(server: ThreadingHTTPServer) -> object:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_door_lets_requests_through_until_it_fails(inner: str) -> None:
    door = Door()
    for outside in _serving(QuietServer(("127.0.0.1", 0), through(inner, door))):
        answer = httpx.post(f"{outside}/instances", content=b"bytes")
        assert (answer.status_code, answer.content) == (201, b"bytes")
        door.fails = True
        assert httpx.post(f"{outside}/instances", content=b"bytes").status_code == 500
