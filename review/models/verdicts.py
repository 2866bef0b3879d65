"""What readers say of a result: flagged as poor, with second opinions, or accepted."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from orthanc.types import MeasuredRegion
from review.models.results import Result

NOTE_AGAIN_AFTER_S = 15
NOTE_AGAIN_AT_MOST_S = 900
NOTE_TRIES = 100
"""A day, with a quarter of an hour between most of them."""


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
    note_sop_uid = models.CharField(
        max_length=64, blank=True, help_text="The rejection note in Orthanc; empty: not written yet"
    )
    note_tries = models.PositiveIntegerField(default=0)
    note_at = models.DateTimeField(default=timezone.now, help_text="When the note is written (again)")
    note_error = models.TextField(blank=True)

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

    @classmethod
    def without_note(cls) -> models.QuerySet[Flag]:
        """Standing flags whose rejection note is due to be written."""
        return cls.objects.filter(
            undone_at=None, note_sop_uid="", note_at__lte=Now(), note_tries__lt=NOTE_TRIES
        )

    def begin_note(self) -> bool:
        """Count a try at the note and push the next one back; False when it is not due."""
        delay = timedelta(
            seconds=min(NOTE_AGAIN_AFTER_S * 2 ** min(self.note_tries, 6), NOTE_AGAIN_AT_MOST_S)
        )
        due = Flag.without_note().filter(pk=self.pk)
        return bool(due.update(note_tries=models.F("note_tries") + 1, note_at=Now() + delay))

    def noted(self, sop_uid: str) -> None:
        """Say which object in Orthanc is the note."""
        Flag.objects.filter(pk=self.pk).update(note_sop_uid=sop_uid, note_error="")

    def stumble_over_note(self, text: str, *, hopeless: bool = False) -> None:
        """Say why the note could not be written; when it is hopeless, no other try follows."""
        values = {"note_error": text, **({"note_tries": NOTE_TRIES} if hopeless else {})}
        Flag.objects.filter(pk=self.pk).update(**values)


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
