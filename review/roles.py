"""Who may do what: four roles, kept as Django groups."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from review.models import ApiToken, OneTimePassword, Scope


class UserRole(StrEnum):
    """The groups."""

    VIEWER = "viewer"
    RADIOLOGIST = "radiologist"
    ADMIN = "admin"
    SERVICE = "service"


READERS = frozenset(UserRole)
WORKERS = frozenset({UserRole.RADIOLOGIST, UserRole.ADMIN, UserRole.SERVICE})
"""May send studies and try them again."""
REVIEWERS = frozenset({UserRole.RADIOLOGIST})
"""May say what a result is worth: flag, accept, correct. Who administers the site does not thereby read images."""


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[UserRole]:
    """The roles of a user; a superuser is an admin, a one-time password opens nothing. Asked once per user object."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    known: frozenset[UserRole] | None = getattr(user, "_review_roles", None)
    if known is None:
        names = set(user.groups.values_list("name", flat=True))
        known = frozenset(role for role in UserRole if role in names)
        if user.is_superuser:
            known |= {UserRole.ADMIN}
        if known and OneTimePassword.objects.filter(user=user).exists():
            known = frozenset()
        user._review_roles = known  # type: ignore[attr-defined]
    return known


def can_read(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user may see studies and results."""
    return bool(roles_of(user) & READERS)


def can_work(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user may send studies and try them again."""
    return bool(roles_of(user) & WORKERS)


def can_review(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user may flag, accept and correct results."""
    return bool(roles_of(user) & REVIEWERS)


def is_admin(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user administers the site."""
    return UserRole.ADMIN in roles_of(user)


class _May(BasePermission):
    """A role, and for programs the scope of their token."""

    scope: ClassVar[Scope]
    allowed: ClassVar[Callable[[AbstractBaseUser | AnonymousUser], bool]]

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the groups; a token must have been made for this as well.

        Raises:
            PermissionDenied: the token's scopes are too narrow, whatever the account may do.
        """
        token = request.auth
        if isinstance(token, ApiToken) and self.scope not in token.scopes:
            raise PermissionDenied(f"This token was not made for “{self.scope.value}”.")
        return type(self).allowed(request.user)


class MayRead(_May):
    """Every role."""

    message = "Your account has no role here. Ask an administrator for one."
    scope, allowed = Scope.READ, can_read


class MayUpload(_May):
    """Who may send studies."""

    message = "Your role may look, but not send studies."
    scope, allowed = Scope.UPLOAD, can_work


class MayWork(_May):
    """Radiologists, admins and services."""

    message = "Your role may look, but not change anything."
    scope, allowed = Scope.CHANGE, can_work


class MayReview(_May):
    """Radiologists."""

    message = "Only radiologists say what a result is worth."
    scope, allowed = Scope.REVIEW, can_review


class MayAdminister(_May):
    """Admins."""

    message = "Only administrators may do this."
    scope, allowed = Scope.ADMINISTER, is_admin
