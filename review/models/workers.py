"""Which worker processes are alive, independent of the broker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from django.db import models
from django.utils import timezone

BEAT_EVERY_S = 5
SILENT_AFTER_S = 30
FORGET_AFTER = timedelta(days=1)


class WorkerBeat(models.Model):
    """A worker process and when it was last seen."""

    name = models.CharField(max_length=150, unique=True, help_text="Host and process")
    queues = models.JSONField(default=list)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        """Whether it was seen lately."""
        # Seen in the future: the clock went back since.
        return abs(timezone.now() - self.seen_at) < timedelta(seconds=SILENT_AFTER_S)

    @classmethod
    def beat(cls, name: str, queues: list[str]) -> None:
        """Say that a worker is alive; rows of workers gone for a day are removed on the way."""
        now = timezone.now()
        cls.objects.update_or_create(name=name, defaults={"queues": queues, "seen_at": now})
        cls.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()

    @classmethod
    def forget_ended(cls, host: str) -> None:
        """Remove the rows of this host's workers whose processes are gone; a container is a host of its own."""
        rows = cls.objects.filter(name__startswith=f"{host}:")
        ended = [row.pk for row in rows if not Path(f"/proc/{row.name.rpartition(':')[2]}").exists()]
        cls.objects.filter(pk__in=ended).delete()
