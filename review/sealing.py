"""Secrets that have to be read again, such as a destination's password, sealed with the site's secret key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class CannotUnsealError(Exception):
    """A secret was sealed with another key; the text says what to do."""


def seal(secret: str) -> str:
    """The secret as text that only this site reads; empty stays empty."""
    return _seal().encrypt(secret.encode()).decode() if secret else ""


def unseal(sealed: str) -> str:
    """What was sealed.

    Raises:
        CannotUnsealError: the site's secret key has changed since.
    """
    try:
        return _seal().decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken as error:
        raise CannotUnsealError(
            "The site's secret key has changed since: enter the password again."
        ) from error


def _seal() -> Fernet:
    # Fernet wants 32 bytes; the secret key is long and random, so that a plain digest of it will do.
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"seal {settings.SECRET_KEY}".encode()).digest()))
