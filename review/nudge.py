"""Waking the follower, through PostgreSQL: NOTIFY from the web process, LISTEN in the follower."""

from __future__ import annotations

import select

from django.db import connection

CHANNEL = "review_nudge"


def nudge() -> None:
    """Wake the follower now; nothing is lost when none is listening."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


def listen() -> None:
    """Ask for nudges on this thread's connection; call again after a reconnection."""
    with connection.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")


def wait(timeout_s: float) -> bool:
    """Sleep until a nudge or the timeout; whether there was a nudge.

    Raises:
        psycopg2.OperationalError: the connection is gone.
    """
    connection.ensure_connection()
    raw = connection.connection
    raw.poll()
    if not raw.notifies:
        select.select([raw], [], [], timeout_s)
        raw.poll()
    nudged = bool(raw.notifies)
    raw.notifies.clear()
    return nudged
