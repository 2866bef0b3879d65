"""Hears the alerts of a running stack: a webhook of our own that notes what came and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Alarm:
    """What the site was told, with the time of this machine's steady clock."""

    url: str = ""
    heard: list[tuple[float, str]] = field(default_factory=list)

    def seconds_until(self, words: str, since_s: float) -> float | None:
        """How long after `since_s` the first message with these words came."""
        return next((at_s - since_s for at_s, text in self.heard if at_s >= since_s and words in text), None)


@contextmanager
def listening() -> Iterator[Alarm]:
    """A webhook for as long as the block runs."""
    alarm = Alarm()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            alarm.heard.append((time.monotonic(), said["text"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    alarm.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield alarm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
