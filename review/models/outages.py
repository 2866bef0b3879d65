"""Parts of the system that were not well: since when, until when, and whether somebody was told."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

TRY_AGAIN_AFTER = timedelta(seconds=60)


class Outage(models.Model):
    """One time that one part was not well."""

    part = models.CharField(max_length=32)
    began_at = models.DateTimeField(default=timezone.now, db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When somebody was told that it began")
    end_told_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody was told that it ended"
    )
    send_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["-began_at", "-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["part"], condition=models.Q(ended_at=None), name="one_open_outage_per_part"
            )
        ]

    def __str__(self) -> str:
        return f"outage of {self.part}"

    def begin_telling(self) -> bool:
        """Take it upon this process to tell; False where another does, or tried a moment ago."""
        due = Outage.objects.filter(pk=self.pk, send_at__lte=Now())
        return bool(due.update(send_at=Now() + TRY_AGAIN_AFTER))

    def note_told(self) -> None:
        """Note that its beginning, or where that was told already its end, is known to people."""
        column = "end_told_at" if self.told_at else "told_at"
        Outage.objects.filter(pk=self.pk).update(**{column: timezone.now(), "send_at": timezone.now()})
