"""Log lines as JSON, each with the job and the study that were at work. Patient names are never logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_AT_WORK: ContextVar[dict[str, str]] = ContextVar("at_work", default={})  # noqa: B039


@contextmanager
def at_work_on(job: str, study: str) -> Iterator[None]:
    """Let the lines of this block carry the job and the study UID."""
    token = _AT_WORK.set({"job": job, "study": study})
    try:
        yield
    finally:
        _AT_WORK.reset(token)


class JsonLine(logging.Formatter):
    """One JSON object per line: at (UTC), level, logger, message; job, study and exception where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_AT_WORK.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
