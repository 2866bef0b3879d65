"""The DICOM objects of results, and where they stand on their way to other archives.

A result is done before the first delivery starts. Objects of one study reach a destination in the order in which
they were made: one that waits holds up those behind it, one that was given up does not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orthanc.types import ObjectKind
from review.models.results import Result

RETRY_AFTER_S = 15
RETRY_AT_MOST_S = 900
TRIES = 100
"""A day, with a quarter of an hour between most of them."""

REFUSALS = 3
"""An archive that answers and does not take an object will not take it tomorrow either."""


class ResultObject(models.Model):
    """One DICOM object of a result, or one series of them, that Orthanc holds."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="dicom_objects")
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in ObjectKind])
    sop_class_uid = models.CharField(max_length=64)
    series_uid = models.CharField(max_length=64)
    sop_uid = models.CharField(max_length=64, help_text="Of the only instance, or of the first")
    n_instances = models.PositiveIntegerField(default=1)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["result", "sop_uid"], name="one_row_per_object_of_a_result"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sop_uid}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Which deliveries come next."""

    def due(self) -> DeliveryQuerySet:
        """Deliveries whose time has come and that no earlier one to the same destination holds up."""
        earlier = Delivery.objects.filter(
            state=Delivery.State.WAITING,
            destination=models.OuterRef("destination"),
            item__result__study=models.OuterRef("item__result__study"),
            pk__lt=models.OuterRef("pk"),
        )
        waiting = self.filter(state=Delivery.State.WAITING, send_at__lte=Now())
        return waiting.exclude(models.Exists(earlier))


class Delivery(models.Model):
    """One object for one destination: a DICOM modality as Orthanc names it, or `dicomweb:` and a server's name."""

    class State(models.TextChoices):
        """Where a delivery stands."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    item = models.ForeignKey(ResultObject, on_delete=models.CASCADE, related_name="deliveries")
    destination = models.CharField(max_length=80)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0, help_text="Tries that the destination answered with no")
    send_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering: ClassVar[list[str]] = ["pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["item", "destination"], name="one_delivery_per_destination"),
        ]

    def __str__(self) -> str:
        return f"delivery to {self.destination}"

    def begin(self) -> bool:
        """Count a try and push the next one back; False when this delivery is not due."""
        delay_s = min(RETRY_AFTER_S * 2 ** min(self.tries, 10), RETRY_AT_MOST_S)
        later = Now() + timedelta(seconds=delay_s)
        due = Delivery.objects.filter(pk__in=Delivery.objects.due().filter(pk=self.pk).values("pk"))
        # The first condition again: of two workers that see it due, the second finds it taken.
        taken = due.filter(state=Delivery.State.WAITING, send_at__lte=Now())
        return bool(taken.update(tries=models.F("tries") + 1, send_at=later))

    def succeed(self) -> None:
        """Note that the destination has the object."""
        Delivery.objects.filter(pk=self.pk).update(
            state=Delivery.State.SENT, sent_at=timezone.now(), error=""
        )

    def stumble(self, text: str, *, hopeless: bool = False, refused: bool = False) -> None:
        """Note why this try failed; after the last one, or when it is hopeless, no other follows."""
        self.refresh_from_db(fields=["tries", "refusals"])
        refusals = self.refusals + refused
        over = hopeless or self.tries >= TRIES or refusals >= REFUSALS
        state = Delivery.State.FAILED if over else Delivery.State.WAITING
        Delivery.objects.filter(pk=self.pk).update(state=state, error=text, refusals=refusals)

    def send_again(self) -> bool:
        """Let a delivery that was given up start over; False when it was not given up."""
        failed = Delivery.objects.filter(pk=self.pk, state=Delivery.State.FAILED)
        return bool(failed.update(state=Delivery.State.WAITING, tries=0, refusals=0, send_at=Now(), error=""))

    def next_in_line(self) -> Delivery | None:
        """What waits behind this one for the same destination and study, if it may go now."""
        behind = Delivery.objects.due().filter(
            destination=self.destination, item__result__study=self.item.result.study_id
        )
        return behind.order_by("pk").first()
