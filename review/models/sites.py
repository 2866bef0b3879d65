"""The sites of an account, and the times when somebody looked beyond them in an emergency."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class PermittedSite(models.Model):
    """A site whose patients an account may see. An account without any sees all."""

    class Kind(models.TextChoices):
        """By what a study tells its site."""

        INSTITUTION = "institution", "Institution"
        CALLING_AET = "calling_aet", "Sender (AE title)"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="permitted_sites"
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    value = models.CharField(max_length=255)

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "value"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "kind", "value"], name="one_permission_per_site")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"


class BrokenGlass(models.Model):
    """A patient of another site who was opened in an emergency, why, and until when."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="broken_glasses"
    )
    patient_id = models.CharField(max_length=64, blank=True)
    patient_id_issuer = models.CharField(max_length=64, blank=True)
    study_uid = models.CharField(max_length=64, help_text="The study by which the patient was found")
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.patient_id or self.study_uid} until {self.until:%H:%M}"
