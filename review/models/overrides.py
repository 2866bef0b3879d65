"""What a person decided of a study, against what was guessed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from orthanc.types import NEEDED_ROLES, Role
from review.models.intake import Study


class SeriesOverride(models.Model):
    """A series that a person gave one of the four roles. It outlives new guesses and new images of the study."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="overrides")
    role = models.CharField(max_length=8, choices=[(role.value, role.value) for role in NEEDED_ROLES])
    series_uid = models.CharField(max_length=64)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["study", "role"], name="one_override_per_role"),
            models.UniqueConstraint(fields=["study", "series_uid"], name="one_override_per_series"),
        ]

    def __str__(self) -> str:
        return f"{self.role} by {self.by}"


def roles_told(study: Study) -> dict[str, Role]:
    """By series UID, the roles that people decided for a study."""
    return {one.series_uid: Role(one.role) for one in study.overrides.all()}
