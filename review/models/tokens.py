"""Tokens for programs: only their digest is kept, so that a copy of the database opens nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may be used for. It never opens more than the roles of its account do."""

    READ = "read", "Read studies, results and courses"
    UPLOAD = "upload", "Send images"
    CHANGE = "change", "Try again, choose series and models, enter events"
    REVIEW = "review", "Flag and accept results"
    ADMINISTER = "administer", "Administer"


def scopes() -> list[str]:
    """Every scope; a function, so that a new one needs no migration."""
    return list(Scope.values)


class ApiToken(models.Model):
    """A token of an account. The token itself was shown once; `digest` is its SHA-256.

    It is 256 random bits, so that a plain digest cannot be turned back; `starts_with` tells people which it is.
    """

    name = models.CharField(max_length=100, help_text="What it is for")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True)
    starts_with = models.CharField(max_length=8)
    scopes = models.JSONField(default=scopes)
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty only for the one of the installation"
    )
    used_at = models.DateTimeField(null=True, blank=True, help_text="Last use, to the minute")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.starts_with}…)"

    def why_not(self, now: datetime) -> str:
        """Why it opens nothing now; empty where it does."""
        if self.revoked_at is not None:
            return "This token was revoked."
        if self.expires_at is not None and self.expires_at <= now:
            return f"This token expired on {timezone.localtime(self.expires_at):%Y-%m-%d %H:%M}."
        return ""


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()
