"""Two results of a patient laid on each other, on demand: derived images in Orthanc, for the viewer alone."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from review.models.results import Result

AGAIN_AFTER_S = 30
AGAIN_AT_MOST_S = 900
TRIES = 20


class Comparison(models.Model):
    """An earlier result brought onto the T1CE grid of a later one. Its objects are evidence and are never sent."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "In preparation"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        REMOVING = "removing", "Being removed"

    later = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="comparisons")
    earlier = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="comparisons_with_later")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    words = models.TextField(blank=True, help_text="Why it failed, or what the reader has to know")
    series = models.JSONField(default=dict, help_text="Series UID by part, such as PRIOR or DIFFERENCE")
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    try_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["later", "earlier"], name="one_comparison_per_pair"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"

    @staticmethod
    def due() -> models.QuerySet[Comparison]:
        """Those to be made, and those to be taken away: asked for, or of a result that no longer speaks."""
        outdated = Q(later__superseded_by__isnull=False) | Q(earlier__superseded_by__isnull=False)
        work = Q(state__in=(Comparison.State.WAITING, Comparison.State.REMOVING)) | outdated
        return Comparison.objects.filter(work, try_at__lte=Now(), tries__lt=TRIES)

    def begin(self) -> bool:
        """Count a try and push the next one back; False when somebody else took it, or nothing is to be done."""
        delay_s = min(AGAIN_AFTER_S * 2 ** min(self.tries, 10), AGAIN_AT_MOST_S)
        taken = Comparison.objects.filter(pk__in=Comparison.due().filter(pk=self.pk).values("pk"))
        later = Now() + timedelta(seconds=delay_s)
        return bool(taken.filter(try_at__lte=Now()).update(tries=F("tries") + 1, try_at=later))

    @property
    def is_outdated(self) -> bool:
        """Whether a newer result took the place of one of the two."""
        return self.later.superseded_by_id is not None or self.earlier.superseded_by_id is not None
