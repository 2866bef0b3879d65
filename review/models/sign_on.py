"""Who an account is at the provider of single sign-on."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User
from django.db import models


class SignOnAccount(models.Model):
    """An account that logs in by the provider. Its subject there never changes; names and addresses do."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="sign_on")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="one_account_per_subject")
        ]

    def __str__(self) -> str:
        return f"{self.user} by {self.issuer}"
