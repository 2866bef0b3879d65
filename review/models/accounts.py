"""What is known of accounts beside Django's own rows."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class OneTimePassword(models.Model):
    """An account whose password was given by an admin: it opens nothing until its owner has chosen another."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="one_time_password"
    )
    given_by = models.CharField(max_length=150)
    given_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"one-time password of {self.user}"
