"""What is kept of a job: what it works on, where it stands, how often it was tried, how long it took."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from review.models.intake import Study
from review.models.settings import QualityPolicy
from segmentation.types import Phase


class JobRecord(models.Model):
    """What is kept of the work on one study with these series and this model."""

    class Stage(models.TextChoices):
        """The three actors a job goes through."""

        PREPARE = "prepare", "Prepare"
        INFER = "infer", "Infer"
        PUBLISH = "publish", "Publish"

    class State(models.TextChoices):
        """Where a job stands."""

        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        SUPERSEDED = "superseded", "Superseded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="jobs")
    series_key = models.CharField(
        max_length=64, help_text="Digest of the chosen series and of their instances"
    )
    chosen = models.JSONField(help_text="Role -> series_uid, orthanc_id, instances_digest, description")
    model_name = models.CharField(max_length=64)
    model_version = models.CharField(max_length=64)
    phase = models.CharField(max_length=8, choices=[(phase.value, phase.value) for phase in Phase])
    quality_policy = models.CharField(
        max_length=8, choices=QualityPolicy.choices, default=QualityPolicy.STANDARD
    )
    priority = models.IntegerField(default=0)
    rule_set = models.PositiveIntegerField(
        null=True, blank=True, help_text="Number of the version of the rule set that it was made under"
    )
    rule_name = models.CharField(
        max_length=100, blank=True, help_text="The rule that wanted it, as then called"
    )
    destinations = models.JSONField(default=list, blank=True)
    requested_by = models.CharField(
        max_length=150, blank=True, help_text="Who asked for it again, if anyone did"
    )

    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.PREPARE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    progress = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Starts of this stage without an end")
    retries = models.PositiveIntegerField(
        default=0, help_text="Times this stage waited for Orthanc or for the storage"
    )
    start_overs = models.PositiveIntegerField(
        default=0, help_text="Times it began anew because its files were gone"
    )
    republished = models.PositiveIntegerField(
        default=0, help_text="Times its results were stored again because Orthanc had lost them"
    )
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=timezone.now)
    send_at = models.DateTimeField(
        default=timezone.now, help_text="When the sweeper sends its message (again)"
    )
    sends = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    queued_first_at = models.DateTimeField(default=timezone.now, help_text="When its first stage was queued")
    queued_at = models.DateTimeField(default=timezone.now, help_text="When the present stage was queued")
    stage_started_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Seconds per stage, and under <stage>_queue those waited before it",
    )
    step_seconds = models.JSONField(default=dict, blank=True, help_text="Stage -> its own steps -> seconds")

    class Meta:
        abstract = True
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["study", "series_key", "model_name", "model_version"],
                name="one_job_per_series_and_model",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["stage", "state", "-priority", "queued_at"])
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def edited_by(self) -> str:
        """The reader whose mask it measures; empty for a model's."""
        correction = getattr(self, "correction", None)
        return correction.by if correction else ""

    @property
    def all_seconds(self) -> dict[str, float]:
        """Seconds per stage, `<stage>_queue` before it, and once it has ended those in all."""
        if self.finished_at is None:
            return dict(self.seconds)
        return {**self.seconds, "total": round((self.finished_at - self.queued_first_at).total_seconds(), 2)}
