"""Who saw, changed or exported what. Rows are only ever added: here by code, in PostgreSQL by triggers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Never

from django.db import models
from django.utils import timezone


class AppendOnlyError(Exception):
    """Somebody tried to change or remove a line of the audit log."""


class AuditAction(models.TextChoices):
    """What was done. Add to it; never rename or remove a value, old lines carry it."""

    LOGGED_IN = "logged_in", "Logged in"
    LOGGED_OUT = "logged_out", "Logged out"
    LOGIN_FAILED = "login_failed", "Log-in failed"
    LOCKED_OUT = "locked_out", "Locked out"
    VIEWED = "viewed", "Viewed"
    UPLOADED = "uploaded", "Sent images"
    RETRIED = "retried", "Tried again"
    SERIES_CHOSEN = "series_chosen", "Chose series"
    FLAGGED = "flagged", "Flagged as poor"
    UNFLAGGED = "unflagged", "Took back a flag"
    ACCEPTED = "accepted", "Accepted"
    CORRECTED = "corrected", "Corrected"
    MACRO_COPIED = "macro_copied", "Copied the macro"
    COMPARED = "compared", "Compared visits"
    EXPORTED = "exported", "Exported"
    RULE_CHANGED = "rule_changed", "Changed a rule"
    EVENT_CHANGED = "event_changed", "Changed a treatment event"
    IDENTITY_LINKED = "identity_linked", "Linked identities"
    TEMPLATE_CHANGED = "template_changed", "Changed a template"
    MODEL_INSTALLED = "model_installed", "Installed a model"
    MODEL_ACTIVATED = "model_activated", "Activated a model"
    TOKEN_MADE = "token_made", "Made a token"
    TOKEN_REVOKED = "token_revoked", "Revoked a token"
    GLASS_BROKEN = "glass_broken", "Opened a patient of another site"
    ACCOUNT_CHANGED = "account_changed", "Changed an account"
    SITE_CHANGED = "site_changed", "Changed the site"
    REMOVED = "removed", "Removed, being older than it is kept"
    ADMINISTERED = "administered", "Changed in the administration"


def audit_actions() -> list[tuple[str, str]]:
    """The choices; a function, so that a new action needs no migration."""
    return list(AuditAction.choices)


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Reading and adding only."""

    def update(self, **values: Any) -> Never:
        """Refused."""
        raise AppendOnlyError("The audit log is only added to.")

    def delete(self) -> Never:
        """Refused."""
        raise AppendOnlyError("The audit log is only added to.")

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> Never:
        """Refused."""
        raise AppendOnlyError("The audit log is only added to.")


class AuditEntry(models.Model):
    """One line: when, who, what, on which study and patient.

    UIDs and names are kept as text, without foreign keys: a line outlives what it speaks of.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    action = models.CharField(max_length=24, choices=audit_actions, db_index=True)
    by = models.CharField(max_length=150, db_index=True, help_text="The account, or the command that did it")
    study_uid = models.CharField(max_length=64, blank=True, db_index=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        ordering: ClassVar[list[str]] = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.by} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the line; a line that is there already is refused."""
        if self.pk is not None:
            raise AppendOnlyError("The audit log is only added to.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        """Refused."""
        raise AppendOnlyError("The audit log is only added to.")
