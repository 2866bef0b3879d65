"""What readers say of a result: flagged as poor, with second opinions, or accepted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from orthanc.types import MeasuredRegion
from review.models.results import Result


class Flag(models.Model):
    """A reader's word that a mask is poor. It is never deleted: undone, it stays as history."""

    class Reason(models.TextChoices):
        """Why; coded for DICOM by the rejection note (PS3.16 CID 7011)."""

        PROCESSING = "processing", "Image processing"
        ARTEFACT = "artefact", "Artefact"
        MOTION = "motion", "Motion"
        WRONG_SERIES = "wrong_series", "Wrong series"
        WRONG_REGION = "wrong_region", "Wrong region"
        MISSED = "missed", "Missed tumour"
        TOO_MUCH = "too_much", "Over-segmentation"
        VENTRICLE = "ventricle", "Ventricle or choroid plexus labelled"
        POSTOPERATIVE = "postoperative", "Post-operative change"
        OTHER = "other", "Other"

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="flags")
    compartment = models.CharField(
        max_length=2,
        blank=True,
        choices=[(region.value, region.value) for region in MeasuredRegion],
        help_text="What is poor; empty: the whole mask",
    )
    reason = models.CharField(max_length=16, choices=Reason.choices)
    text = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    undone_by = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["at", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["result", "compartment"],
                condition=models.Q(undone_at=None),
                name="one_standing_flag_per_compartment",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["result"], condition=models.Q(undone_at=None), name="standing_flags")
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}, {self.compartment or 'the whole mask'}, by {self.by}"

    @property
    def stands(self) -> bool:
        """Whether nobody took it back."""
        return self.undone_at is None


class Opinion(models.Model):
    """What a second reader thinks of a flag. It changes nothing by itself: whoever disagrees may undo the flag."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="opinions")
    agrees = models.BooleanField()
    text = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.by} {'agrees' if self.agrees else 'disagrees'}"


class Acceptance(models.Model):
    """A reader's word that a result was looked at and may stand: "reviewed by"."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="acceptances")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    withdrawn_by = models.CharField(max_length=150, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["at", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["result", "by"],
                condition=models.Q(withdrawn_at=None),
                name="one_standing_acceptance_per_reader",
            ),
        ]

    def __str__(self) -> str:
        return f"reviewed by {self.by}"

    @property
    def stands(self) -> bool:
        """Whether nobody took it back."""
        return self.withdrawn_at is None
