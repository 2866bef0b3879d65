"""What Django tells only by signals and the audit log has to know: log-ins, and changes in the administration."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.http import HttpRequest

from review.audit import record
from review.models import AuditAction

_VERBS = {ADDITION: "added", DELETION: "deleted"}


def listen() -> None:
    """Connect; a second call changes nothing."""
    user_logged_in.connect(_logged_in, dispatch_uid="audit logged in")
    user_logged_out.connect(_logged_out, dispatch_uid="audit logged out")
    user_login_failed.connect(_login_failed, dispatch_uid="audit login failed")
    user_locked_out.connect(_locked_out, dispatch_uid="audit locked out")
    post_save.connect(_administered, sender=LogEntry, dispatch_uid="audit administered")


def _logged_in(sender: object, request: HttpRequest | None, user: AbstractBaseUser, **kwargs: Any) -> None:
    record(AuditAction.LOGGED_IN, user.get_username(), address=_address(request))


def _logged_out(
    sender: object, request: HttpRequest | None, user: AbstractBaseUser | None, **kwargs: Any
) -> None:
    if user is not None:
        record(AuditAction.LOGGED_OUT, user.get_username(), address=_address(request))


def _login_failed(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    name = _known_name(credentials.get("username"))
    record(AuditAction.LOGIN_FAILED, name, known_account=bool(name), address=_address(request))


def _locked_out(sender: object, request: HttpRequest | None, username: str, **kwargs: Any) -> None:
    name = _known_name(username)
    record(AuditAction.LOCKED_OUT, name, known_account=bool(name), address=_address(request))


def _known_name(typed: object) -> str:
    # A password typed into the field of the name must not be kept: only names of accounts are.
    name = str(typed or "")[:150].replace("\x00", "")
    return name if User.objects.filter(username=name).exists() else ""


def _administered(sender: object, instance: LogEntry, created: bool, **kwargs: Any) -> None:
    if not created:
        return
    record(
        AuditAction.ADMINISTERED,
        instance.user.get_username(),
        verb=_VERBS.get(instance.action_flag, "changed"),
        kind=str(instance.content_type),
        object=instance.object_repr,
        object_id=instance.object_id or "",
        change=instance.get_change_message(),
    )


def _address(request: HttpRequest | None) -> str:
    return str(request.META.get("REMOTE_ADDR", "")) if request is not None else ""
