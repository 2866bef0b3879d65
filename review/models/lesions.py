"""Lesions followed over visits: which lesion of a result is which lesion of the patient."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from review.models.results import Result
from segmentation.types import Fate

AGAIN_AFTER_S = 60
AGAIN_AT_MOST_S = 3600
TRIES = 50
"""Two days, with an hour between most of them."""


class Following(models.Model):
    """Whether the lesions of a result could be joined with those of another visit, and with which."""

    class State(models.TextChoices):
        """How it ended."""

        FIRST = "first", "Nothing earlier to compare with"
        FOLLOWED = "followed", "Joined with an earlier visit"
        UNSURE = "unsure", "Not joined"

    result = models.OneToOneField(Result, on_delete=models.CASCADE, related_name="following")
    state = models.CharField(max_length=8, choices=State.choices)
    words = models.TextField(blank=True, help_text="Why they were not joined")
    reference = models.ForeignKey(Result, null=True, on_delete=models.SET_NULL, related_name="+")
    reference_series_uid = models.CharField(max_length=64, blank=True)
    transform = models.JSONField(
        null=True, help_text="Angles and shift of the rigid motion to the reference, then its centre; rad, mm"
    )
    stale_at = models.DateTimeField(
        null=True, help_text="When an earlier visit changed; empty: it was read since"
    )
    try_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"following of {self.result}"

    @staticmethod
    def due() -> models.QuerySet[Following]:
        """Those to be read anew whose time has come."""
        return Following.objects.filter(stale_at__isnull=False, try_at__lte=Now(), tries__lt=TRIES)

    def begin(self) -> bool:
        """Count a try and push the next one back; False when somebody else took it, or nothing is to be done."""
        delay_s = min(AGAIN_AFTER_S * 2 ** min(self.tries, 10), AGAIN_AT_MOST_S)
        taken = Following.due().filter(pk=self.pk)
        return bool(taken.update(tries=models.F("tries") + 1, try_at=Now() + timedelta(seconds=delay_s)))


class TrackedLesion(models.Model):
    """One lesion of a result, under the identity that it has over all visits of the patient."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="tracked_lesions")
    component = models.PositiveIntegerField(help_text="Number of the lesion within the result")
    tracking_uid = models.CharField(max_length=64)
    fate = models.CharField(max_length=8, choices=[(fate.value, fate.value) for fate in Fate])
    parents = models.JSONField(
        default=list, help_text="Tracking UIDs of the lesions that it split from or swallowed, ever"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["component"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["result", "component"], name="one_identity_per_lesion"),
            models.UniqueConstraint(fields=["result", "tracking_uid"], name="one_lesion_per_identity"),
        ]

    def __str__(self) -> str:
        return f"lesion {self.component}: {self.fate}"
