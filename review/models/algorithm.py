"""Models that were found installed, which one new jobs get, and who decided that."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone


class Algorithm(models.Model):
    """One version of a model, in a folder that was there when the model folders were last looked through.

    The folder holds everything that is said of the model; the row is what an admin points at.
    """

    name = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    folder = models.CharField(max_length=500, help_text="Where it was found")
    rank = models.IntegerField(help_text="The highest is the default while none is active")
    is_demo = models.BooleanField(default=False)
    statement = models.TextField(blank=True, help_text="What every read-out shows about it")
    found_at = models.DateTimeField(default=timezone.now)
    is_installed = models.BooleanField(default=True, help_text="Whether its folder is still there")
    is_active = models.BooleanField(
        default=False, help_text="New jobs get it, where their rule names no other"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-is_active", "-is_installed", "-rank", "name", "-version"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "version"], name="one_row_per_model_version"),
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="one_active_model"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Activation(models.Model):
    """A decision about the active model: the record is only ever added to."""

    class Kind(models.TextChoices):
        """What was decided."""

        ACTIVATE = "activate", "Activated"
        ROLL_BACK = "rollback", "Rolled back"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    algorithm = models.ForeignKey(
        Algorithm,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="activations",
        help_text="The model active from then on; empty: none, the best installed one is taken",
    )
    previous = models.ForeignKey(Algorithm, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.algorithm or 'the best installed model'}"
