"""Views of the worklist that readers saved under a name."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User
from django.db import models


class SavedView(models.Model):
    """A search with its filters and order, as the end of the worklist's address; each reader has views of their own."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    address = models.CharField(max_length=500, help_text="What follows the question mark")

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_view_per_name_and_reader"),
        ]

    def __str__(self) -> str:
        return self.name
