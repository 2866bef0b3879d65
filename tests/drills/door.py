"""Orthanc behind a door of ours, which lets every answer wait or answers 500 itself: real HTTP on its own port."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from orthanc.server.process import free_port
from tests.drills.stand import until
from tests.end_to_end.installation import Installation

MOVED_WITHIN_S = 90.0
DROPPED = {"connection", "content-length", "transfer-encoding", "content-encoding", "host", "keep-alive"}
"""Headers of one connection, which are not for the next."""


class QuietServer(ThreadingHTTPServer):
    """Clients that gave up meanwhile, and an Orthanc that has moved back, end their connections only."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError | httpx.TransportError):
            super().handle_error(request, client_address)


@dataclass
class Door:
    """What stands where Orthanc was: `wait_s` before each request goes on, or `fails`: 500 at once."""

    wait_s: float = 0.0
    fails: bool = False
    _server: list[ThreadingHTTPServer] = field(default_factory=list)

    def open(self, stack: Installation) -> None:
        """Let Orthanc move to another port and stand on its own."""
        inner = free_port()
        _move_orthanc(stack, inner)
        port = int(stack.variables["ORTHANC_PORT"])
        server = QuietServer(("127.0.0.1", port), through(f"http://127.0.0.1:{inner}", self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._server.append(server)

    def close(self, stack: Installation) -> None:
        """Go away, and let Orthanc come back."""
        for server in self._server:
            server.shutdown()
            server.server_close()
        self._server.clear()
        _move_orthanc(stack, int(stack.variables["ORTHANC_PORT"]))


def _move_orthanc(stack: Installation, port: int) -> None:
    """Start Orthanc again on this port; its keeper does not write its configuration anew."""
    path = stack.var / "orthanc" / "orthanc.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"HttpPort": port}, indent=2))
    stack.kill("orthanc")
    until(lambda: httpx.get(f"http://127.0.0.1:{port}/system", timeout=5).status_code, MOVED_WITHIN_S)


def through(inner: str, door: Door) -> type[BaseHTTPRequestHandler]:
    """Requests that go on to `inner` as the door lets them."""

    class Through(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if door.fails:
                self._answer(500, {}, b"{}")
                return
            time.sleep(door.wait_s)
            sent = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
            found = httpx.request(self.command, inner + self.path, content=body, headers=sent, timeout=300)
            told = {name: value for name, value in found.headers.items() if name.lower() not in DROPPED}
            self._answer(found.status_code, told, found.content)

        do_POST = do_PUT = do_DELETE = do_GET

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None:
            pass

    return Through
