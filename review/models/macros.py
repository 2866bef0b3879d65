"""Report templates with all their versions, and the texts that people copied out of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from review.models.results import Result
from segmentation.types import Phase


class ReportTemplate(models.Model):
    """A template for the report text. Its words stand in its versions; the newest is used."""

    class Language(models.TextChoices):
        """In which the names of regions are given."""

        ENGLISH = "en", "English"
        GERMAN = "de", "Deutsch"

    name = models.CharField(max_length=100, unique=True)
    language = models.CharField(max_length=2, choices=Language.choices, default=Language.ENGLISH)
    phase = models.CharField(
        max_length=8,
        blank=True,
        choices=[(phase.value, phase.value) for phase in Phase],
        help_text="Offered for results of this phase; empty: for all",
    )
    site = models.CharField(
        max_length=255, blank=True, help_text="Offered for studies of this institution; empty: for all"
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def current(self) -> TemplateVersion:
        """The newest version; every template has one."""
        return self.versions.latest("number")


class TemplateVersion(models.Model):
    """The words of a template from one save to the next."""

    template = models.ForeignKey(ReportTemplate, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["template", "number"], name="one_template_version_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.template}, version {self.number}"


class CopiedReport(models.Model):
    """A text that somebody took into a report, exactly as it was."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="copied_reports")
    version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="copies")
    text = models.TextField()
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"copied by {self.by}"
