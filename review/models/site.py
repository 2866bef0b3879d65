"""What an admin decides about the site as a whole (one row), without any restart."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models


class SiteSettings(models.Model):
    """Its name, what it adds to every read-out, and for how long what is kept. Read anew at every use."""

    name = models.CharField(
        max_length=80, blank=True, help_text="Shown on every page, in the SR and for report texts"
    )
    disclaimer = models.CharField(
        max_length=400,
        blank=True,
        help_text="Added to pages, SR and report texts, after the product's own words",
    )
    artefact_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(2)],
        verbose_name="Days for label maps",
        help_text="How long the label maps of ended jobs stay in the artefact folder; empty: for ever",
    )
    study_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(7)],
        verbose_name="Days for studies",
        help_text="How long images and results stay in Orthanc after they came; numbers stay; empty: for ever",
    )

    only_listed_senders = models.BooleanField(
        "Only listed senders",
        default=False,
        help_text="Images by C-STORE from other AE titles are kept, and not processed",
    )

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_site_settings"),)

    def __str__(self) -> str:
        return self.name or "site"

    @classmethod
    def load(cls) -> SiteSettings:
        """The one row; where nothing was decided yet, one that is not stored."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    def sentences(self) -> tuple[str, ...]:
        """What the site adds to the statements of a report."""
        named = (f"Made at {self.name}.",) if self.name else ()
        return (*named, self.disclaimer) if self.disclaimer else named
