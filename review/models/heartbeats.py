"""Heartbeats: a phantom study that went the whole way, when, how long it took, and whether it was right."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Heartbeat(models.Model):
    """One phantom study on its way through the whole system, or the verdict on it."""

    began_at = models.DateTimeField(default=timezone.now, db_index=True)
    asked_at = models.DateTimeField(default=timezone.now, help_text="When its sending was last asked for")
    sent_at = models.DateTimeField(null=True, blank=True)
    study_uid = models.CharField(max_length=64, blank=True, db_index=True)
    true_ml = models.JSONField(
        default=dict, blank=True, help_text="Region -> what its volume is by construction"
    )
    judged_at = models.DateTimeField(null=True, blank=True)
    is_well = models.BooleanField(null=True, blank=True)
    words = models.TextField(blank=True, help_text="What was found, for people")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When its study was removed again")

    class Meta:
        ordering: ClassVar[list[str]] = ["-began_at", "-pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(ended_at=None), name="one_heartbeat_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"heartbeat of {self.began_at:%Y-%m-%d %H:%M}"

    def judge(self, *, is_well: bool, words: str) -> None:
        """Write down what became of it; the first verdict on a bad one stays until it has ended."""
        self.is_well, self.words, self.judged_at = is_well, words, timezone.now()
        self.save(update_fields=["is_well", "words", "judged_at"])

    @classmethod
    def knows(cls, study_uid: str) -> bool:
        """Whether a study is one of ours, and not a patient's."""
        return cls.objects.filter(study_uid=study_uid).exists()
