"""Masks that readers edited: which result each corrects, and the job that measures it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from review.models.results import Result
from review.models.work import Job


class Correction(models.Model):
    """A mask that a reader edited. It is never deleted: undone, it stays as history."""

    result = models.ForeignKey(
        Result, on_delete=models.CASCADE, related_name="corrections", help_text="What was corrected"
    )
    job = models.OneToOneField(
        Job,
        on_delete=models.CASCADE,
        related_name="correction",
        help_text="Makes the result of the edited mask",
    )
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    undone_by = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["at", "pk"]

    def __str__(self) -> str:
        return f"edited by {self.by}"

    @property
    def stands(self) -> bool:
        """Whether nobody took it back."""
        return self.undone_at is None
