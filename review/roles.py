"""Who may do what: four roles, kept as Django groups."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request


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
    """The roles of a user; a superuser is an admin. One query per user object."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    known: frozenset[UserRole] | None = getattr(user, "_review_roles", None)
    if known is None:
        names = set(user.groups.values_list("name", flat=True))
        known = frozenset(role for role in UserRole if role in names)
        if user.is_superuser:
            known |= {UserRole.ADMIN}
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


class MayRead(BasePermission):
    """Every role."""

    message = "Your account has no role here. Ask an administrator for one."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the groups."""
        return can_read(request.user)


class MayWork(BasePermission):
    """Radiologists, admins and services."""

    message = "Your role may look, but not change anything."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the groups."""
        return can_work(request.user)


class MayReview(BasePermission):
    """Radiologists."""

    message = "Only radiologists say what a result is worth."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the groups."""
        return can_review(request.user)


class MayAdminister(BasePermission):
    """Admins."""

    message = "Only administrators may do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Ask the groups."""
        return is_admin(request.user)
