"""Results on their way to other DICOM nodes. The result itself is done before the first delivery starts."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from review.models.results import Result

RETRY_AFTER_S = 15
RETRY_AT_MOST_S = 900
TRIES = 100
"""A day, with a quarter of an hour between most of them."""


class Delivery(models.Model):
    """One result for one DICOM modality as Orthanc names it."""

    class State(models.TextChoices):
        """Where a delivery stands."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="deliveries")
    modality = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    send_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["result", "modality"], name="one_delivery_per_modality"),
        ]

    def __str__(self) -> str:
        return f"delivery to {self.modality}"

    def begin(self) -> bool:
        """Count a try and push the next one back; False when this delivery is not due."""
        delay_s = min(RETRY_AFTER_S * 2 ** min(self.tries, 10), RETRY_AT_MOST_S)
        due = Delivery.objects.filter(pk=self.pk, state=Delivery.State.WAITING, send_at__lte=Now())
        return bool(due.update(tries=models.F("tries") + 1, send_at=Now() + timedelta(seconds=delay_s)))

    def succeed(self) -> None:
        """Note that the modality has the result."""
        Delivery.objects.filter(pk=self.pk).update(
            state=Delivery.State.SENT, sent_at=timezone.now(), error=""
        )

    def stumble(self, text: str, *, hopeless: bool = False) -> None:
        """Note why this try failed; after the last one, or when it is hopeless, no other follows."""
        self.refresh_from_db(fields=["tries"])
        over = hopeless or self.tries >= TRIES
        state = Delivery.State.FAILED if over else Delivery.State.WAITING
        Delivery.objects.filter(pk=self.pk).update(state=state, error=text)
