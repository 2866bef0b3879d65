"""Making, revoking and recognising the tokens of programs."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from review.audit import record
from review.models import ApiToken, AuditAction, Scope
from review.models.tokens import digest_of, scopes
from review.site_access import limit_to

USED_EVERY = timedelta(minutes=1)
"""Uses are noted to the minute: a token may be used a hundred times a second."""

OF_INSTALLATION = "installation"
"""The name of the token that `manage.py accounts` makes; the one that does not expire."""


class TokenError(Exception):
    """A token cannot be made; the text says why."""


@transaction.atomic
def make_token(
    user: User, name: str, *, by: str, allowed: Iterable[str] | None = None, days: int | None = None
) -> tuple[ApiToken, str]:
    """A new token of an account, and its text, which is kept nowhere.

    Raises:
        TokenError: it has no name, no scope, or one that does not exist.
    """
    chosen = scopes() if allowed is None else list(dict.fromkeys(allowed))
    if not name.strip():
        raise TokenError("Say what the token is for.")
    if not chosen or not set(chosen) <= set(Scope.values):
        raise TokenError(f"Choose what it may be used for: {', '.join(Scope.values)}.")
    text = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name.strip()[:100],
        user=user,
        digest=digest_of(text),
        starts_with=text[:6],
        scopes=chosen,
        made_by=by,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    record(
        AuditAction.TOKEN_MADE, by, token=str(token), account=user.get_username(), scopes=", ".join(chosen)
    )
    return token, text


@transaction.atomic
def revoke_token(token: ApiToken, *, by: str) -> bool:
    """Close a token at once; False where it was closed already."""
    open_ones = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    if not open_ones.update(revoked_at=timezone.now(), revoked_by=by):
        return False
    record(AuditAction.TOKEN_REVOKED, by, token=str(token), account=token.user.get_username())
    return True


def is_open(text: str, user: User) -> bool:
    """Whether a text is a token of this account that opens something now."""
    token = ApiToken.objects.filter(digest=digest_of(text), user=user).first()
    return token is not None and not token.why_not(timezone.now())


class HashedTokenAuthentication(TokenAuthentication):
    """`Authorization: Token ...`, looked up by digest. `request.auth` is the `ApiToken`, whose scopes are asked."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        """The account of a token, and the token.

        Raises:
            AuthenticationFailed: it is unknown, expired or revoked, or its account is locked.
        """
        token = ApiToken.objects.select_related("user").filter(digest=digest_of(key)).first()
        if token is None:
            raise AuthenticationFailed("This token is not known here.")
        now = timezone.now()
        if reason := token.why_not(now):
            raise AuthenticationFailed(reason)
        if not token.user.is_active:
            raise AuthenticationFailed("The account of this token is locked.")
        limit_to(token.user)
        if token.used_at is None or now - token.used_at > USED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(used_at=now)
        return token.user, token
