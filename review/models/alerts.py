"""What somebody has to look at, and who was told of it."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from review.models.intake import Study

RETRY_AFTER_S = 60
RETRY_AT_MOST_S = 3600
TRIES = 50
"""About two days, with an hour between most of them."""


class Alert(models.Model):
    """A study that ended without a result, or that shows a drift, in words for people.

    Delivered by mail and webhook where those are set.
    """

    class Kind(models.TextChoices):
        """What happened."""

        INCOMPLETE = "incomplete", "Series missing"
        FAILED = "failed", "Failed"
        DRIFT = "drift", "Scanner changed"

    class State(models.TextChoices):
        """Where its delivery stands."""

        WAITING = "waiting", "Being sent"
        SENT = "sent", "Sent"
        SHOWN = "shown", "Shown here only"
        UNDELIVERED = "undelivered", "Could not be sent"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(
        max_length=255, blank=True, help_text="What has drifted, so that it is told once"
    )
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    sent_by = models.JSONField(default=list, blank=True, help_text="Ways by which it went out: mail, webhook")
    tries = models.PositiveIntegerField(default=0)
    send_at = models.DateTimeField(default=timezone.now)
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} alert {self.pk}"

    def begin(self) -> bool:
        """Count a try and push the next one back; False when this alert is not due."""
        delay_s = min(RETRY_AFTER_S * 2 ** min(self.tries, 10), RETRY_AT_MOST_S)
        due = Alert.objects.filter(pk=self.pk, state=Alert.State.WAITING, send_at__lte=Now())
        return bool(due.update(tries=models.F("tries") + 1, send_at=Now() + timedelta(seconds=delay_s)))

    def went_out(self, way: str) -> None:
        """Note that one of the ways took it, so that a failure of another does not send it twice."""
        self.sent_by = [*self.sent_by, way]
        Alert.objects.filter(pk=self.pk).update(sent_by=self.sent_by)

    def end(self, state: Alert.State) -> None:
        """Note that there is no more to send."""
        Alert.objects.filter(pk=self.pk).update(state=state, error="")

    def stumble(self, text: str) -> None:
        """Note why this try failed; after the last one no other follows."""
        self.refresh_from_db(fields=["tries"])
        state = Alert.State.UNDELIVERED if self.tries >= TRIES else Alert.State.WAITING
        Alert.objects.filter(pk=self.pk).update(state=state, error=text)
