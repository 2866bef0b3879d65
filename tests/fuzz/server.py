"""The web server as it runs in production (gunicorn), in front of the database of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.end_to_end.installation import REPOSITORY
from webapp.stack.ports import is_answering

READY_S = 120


@contextmanager
def running_web(port: int, log: Path) -> Iterator[str]:
    """Start the server with the settings of the tests as they are now; its address."""
    database = connection.settings_dict
    address = (
        f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    variables = {
        "DATABASE_URL": f"postgres://{address}",
        "DJANGO_SETTINGS_MODULE": "tests.fuzz.web_settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "ORTHANC_URL": settings.ORTHANC_URL,
        "ORTHANC_USER": settings.ORTHANC_USER,
        "ORTHANC_PASSWORD": settings.ORTHANC_PASSWORD,
        # The names of its cookies are those of the tests' own settings.
        "PORT": settings.SESSION_COOKIE_NAME.rpartition("_")[2],
    }
    line = [sys.executable, "-m", "gunicorn", "webapp.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*line, "--no-control-socket"],
            cwd=REPOSITORY,
            env=os.environ | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + READY_S
        while not is_answering(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The web server did not start: {log.read_text()[-1000:]}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
