"""Versions of the whole rule set, drafts that admins work on, and series that nobody needs to sort any more."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from review.models.intake import Study


class RuleSetVersion(models.Model):
    """The whole rule set as it was saved once: who, when and why. Only ever added to."""

    number = models.PositiveIntegerField(unique=True)
    document = models.JSONField(help_text="The rules in their order, every field of each")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    why = models.TextField()
    restores = models.PositiveIntegerField(
        null=True, blank=True, help_text="The version whose rules were taken up again"
    )
    decide_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Studies without a job that came after this are decided anew; empty: only new studies",
    )
    decided_up_to = models.BigIntegerField(default=0, help_text="The last study row that was decided anew")
    is_decided = models.BooleanField(default=False, db_index=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]

    def __str__(self) -> str:
        return f"version {self.number}"

    def undecided(self) -> models.QuerySet[Study]:
        """The studies without a job that are still to be decided anew under this version."""
        open_states = [Study.State.WAITING, Study.State.INCOMPLETE, Study.State.NOT_WANTED]
        return Study.objects.filter(
            state__in=open_states,
            current_job=None,
            deleted_at=None,
            first_seen_at__gte=self.decide_since,
            pk__gt=self.decided_up_to,
        ).order_by("pk")


class RuleSetDraft(models.Model):
    """What one admin is about to change: seen by nobody else, and in force only once it is saved as a version."""

    by = models.CharField(max_length=150, unique=True)
    document = models.JSONField()
    based_on = models.PositiveIntegerField(help_text="Number of the version that it started from")
    restores = models.PositiveIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"draft on version {self.based_on}"


class IgnoredVariant(models.Model):
    """A kind of series (description and scanner) that stays out of the inbox, and who decided so."""

    description = models.CharField(max_length=255, blank=True)
    scanner = models.CharField(max_length=255, blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["description", "scanner"], name="one_row_per_ignored_variant"),
        ]

    def __str__(self) -> str:
        return f"ignored: {self.description}"
