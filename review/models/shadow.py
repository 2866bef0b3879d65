"""Models tried in the shadow: on studies that have a result, side by side with it, without publishing anything."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from review.models.algorithm import Algorithm
from review.models.results import Result

TRIES = 3
AGAIN_AFTER = timedelta(hours=1)
"""Longer than any run takes: a run whose worker died is begun again."""

RESEND_AFTER = timedelta(minutes=10)
"""Its message may wait long behind all that is clinical; one that got lost is sent again."""


class ShadowRun(models.Model):
    """One model on the series of one result. Its numbers stand here alone: no object, no curve, no report has them."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    algorithm = models.ForeignKey(Algorithm, on_delete=models.CASCADE, related_name="shadow_runs")
    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="shadow_runs")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    volumes = models.JSONField(default=dict, blank=True, help_text="Region -> ml, low_ml, high_ml")
    dice = models.JSONField(
        default=dict,
        blank=True,
        help_text="Region -> Dice with the result's own label map; empty: it is gone",
    )
    seconds = models.FloatField(null=True, blank=True)
    error = models.TextField(blank=True)
    tries = models.PositiveIntegerField(default=0)
    send_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True, blank=True)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-made_at", "-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["algorithm", "result"], name="one_shadow_run_per_model_and_result"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} in the shadow of result {self.result_id}"

    @classmethod
    def due(cls) -> models.QuerySet[ShadowRun]:
        """Runs that wait for a message, or whose worker went silent."""
        return cls.objects.filter(state=cls.State.WAITING, send_at__lte=Now())

    def mark_sent(self) -> None:
        """Note that a message goes out now."""
        ShadowRun.objects.filter(pk=self.pk).update(send_at=Now() + RESEND_AFTER)

    def begin(self) -> bool:
        """Count a try; False when another worker is at it, it has ended, or it was tried too often."""
        now = timezone.now()
        silent = models.Q(began_at=None) | models.Q(began_at__lt=now - AGAIN_AFTER)
        mine = ShadowRun.objects.filter(silent, pk=self.pk, state=ShadowRun.State.WAITING)
        if self.tries >= TRIES and mine.exists():
            self.end(ShadowRun.State.FAILED, error=f"Its worker died {self.tries} times.")
            return False
        return bool(mine.update(tries=models.F("tries") + 1, began_at=now, send_at=now + AGAIN_AFTER))

    def wait(self, text: str) -> None:
        """Note why it cannot go on now; that is no try."""
        ShadowRun.objects.filter(pk=self.pk).update(
            error=text, began_at=None, tries=models.F("tries") - 1, send_at=Now() + RESEND_AFTER
        )

    def end(self, state: State, **values: object) -> None:
        """Note how it ended."""
        ShadowRun.objects.filter(pk=self.pk).update(state=state, ended_at=timezone.now(), **values)
