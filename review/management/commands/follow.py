"""`manage.py follow`: read Orthanc's journal and sweep, until stopped."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from review.follower import follow


class Command(BaseCommand):
    """Take studies from Orthanc's journal and send lost work again."""

    help = "Follow Orthanc's journal, start the jobs that are due, and send lost work again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; the change in hand is finished first."""
        stopped: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.append(number)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        follow(lambda: bool(stopped))
