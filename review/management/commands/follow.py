"""`manage.py follow`: read Orthanc's journal and sweep, until stopped."""

from __future__ import annotations

import logging
import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from review.follower import follow
from review.model_choice import CannotActivateError, scan_models
from review.storage import mark_new_storage
from review.watch import start_watching
from segmentation.errors import BadModelError

log = logging.getLogger(__name__)


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
        try:
            scan_models()
        except (BadModelError, CannotActivateError) as error:
            # Studies are still taken: those that need the damaged model say so themselves.
            log.error("The installed models could not be listed: %s", error)
        try:
            mark_new_storage()
        except OSError as error:
            log.error("The folder for artefacts cannot be marked: %s", error.strerror)
        start_watching(is_central=True)
        follow(lambda: bool(stopped))
