"""Who may see and do what in the browser: by Django group, as the API does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

READING_GROUPS = frozenset({"viewer", "radiologist", "admin"})
WORKING_GROUPS = frozenset({"radiologist", "admin"})

Asked = ParamSpec("Asked")
View = Callable[Concatenate[HttpRequest, Asked], HttpResponseBase]

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'self'; form-action 'self'; object-src 'none'; base-uri 'none'"
)
"""Nothing inline and nothing from elsewhere runs in our pages."""


def groups_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """The names of the groups of a user; kept on the user object, which lives for one request."""
    if not user.is_authenticated:
        return frozenset()
    if not hasattr(user, "_group_names"):
        user._group_names = frozenset(user.groups.values_list("name", flat=True))  # type: ignore[union-attr]
    return user._group_names


def may_read(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user sees studies."""
    return _is_superuser(user) or bool(groups_of(user) & READING_GROUPS)


def may_work(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user uploads studies and asks for another try."""
    return _is_superuser(user) or bool(groups_of(user) & WORKING_GROUPS)


def _is_superuser(user: AbstractBaseUser | AnonymousUser) -> bool:
    return bool(user.is_authenticated and getattr(user, "is_superuser", False))


def readers_only(view: View[Asked]) -> View[Asked]:
    """Log-in page for strangers, 403 for accounts that may not see studies."""
    return _only(may_read, view)


def workers_only(view: View[Asked]) -> View[Asked]:
    """Log-in page for strangers, 403 for accounts that may only look."""
    return _only(may_work, view)


def _only(allowed: Callable[[AbstractBaseUser | AnonymousUser], bool], view: View[Asked]) -> View[Asked]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        if not allowed(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return with_page_policy(login_required(guarded))


def with_page_policy(view: Callable[Asked, HttpResponseBase]) -> Callable[Asked, HttpResponseBase]:
    """Add the content policy of our pages to what a view answers, and keep patient data out of shared caches."""

    @wraps(view)
    def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        answer = view(*args, **kwargs)
        answer.setdefault("Content-Security-Policy", PAGE_POLICY)
        answer.setdefault("Cache-Control", "private, no-cache")
        return answer

    return guarded
