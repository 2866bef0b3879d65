"""The other DICOM nodes of the site: who sends images, and where results go."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

AET = RegexValidator(
    r"\A[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?\Z", "An AE title has 1 to 16 plain characters."
)
"""PS3.5 table 6.2-1: no backslash, no control characters; spaces at the ends mean nothing."""

NAME = RegexValidator(
    r"\A[A-Za-z0-9_-]{1,32}\Z", "A name has 1 to 32 letters, digits, hyphens or underscores."
)
HOST = RegexValidator(r"\A[A-Za-z0-9.:_-]{1,253}\Z", "A host is a name or an address.")
PORT = (MinValueValidator(1), MaxValueValidator(65535))


class Scanner(models.Model):
    """A node that sends images to us. Host and port are needed for a C-ECHO only: many scanners have no listener."""

    name = models.CharField(max_length=100, unique=True)
    aet = models.CharField("AE title", max_length=16, unique=True, validators=[AET])
    host = models.CharField(max_length=253, blank=True, validators=[HOST])
    port = models.PositiveIntegerField(null=True, blank=True, validators=PORT)
    is_allowed = models.BooleanField("Allowed to send", default=True)
    comment = models.CharField(max_length=200, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_said = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.aet})"


class DestinationNode(models.Model):
    """A node that takes results. Orthanc is told of it, and told again where it has forgotten."""

    class Kind(models.TextChoices):
        """How objects go there."""

        DICOM = "dicom", "DICOM (C-STORE)"
        WEB = "web", "DICOMweb (STOW-RS)"

    name = models.CharField(max_length=32, unique=True, validators=[NAME])
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.DICOM)
    aet = models.CharField("AE title", max_length=16, blank=True, validators=[AET])
    host = models.CharField(max_length=253, blank=True, validators=[HOST])
    port = models.PositiveIntegerField(null=True, blank=True, validators=PORT)
    url = models.URLField(
        "Address", max_length=300, blank=True, help_text="https://vna.example.org/dicom-web"
    )
    username = models.CharField("User name", max_length=100, blank=True)
    sealed_password = models.TextField(blank=True, help_text="Sealed with the site's secret key")
    changed_at = models.DateTimeField(default=timezone.now)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_said = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def rule_name(self) -> str:
        """How rules and Orthanc's clients name it."""
        return f"dicomweb:{self.name}" if self.kind == self.Kind.WEB else self.name
