"""Guards of the pages: strangers are asked to log in, accounts without the role get 403."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from review.accounts import must_choose_password
from review.roles import can_read, can_work, is_admin

Asked = ParamSpec("Asked")
View = Callable[Concatenate[HttpRequest, Asked], HttpResponseBase]

PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'self'; form-action 'self'; object-src 'none'; base-uri 'none'"
)
"""Nothing inline and nothing from elsewhere runs in our pages."""


def readers_only(view: View[Asked]) -> View[Asked]:
    """Log-in page for strangers, 403 for accounts that may not see studies."""
    return _only(can_read, view)


def workers_only(view: View[Asked]) -> View[Asked]:
    """Log-in page for strangers, 403 for accounts that may only look."""
    return _only(can_work, view)


def admins_only(view: View[Asked]) -> View[Asked]:
    """Log-in page for strangers, 403 for accounts that do not administer the site."""
    return _only(is_admin, view)


def _only(allowed: Callable[[AbstractBaseUser | AnonymousUser], bool], view: View[Asked]) -> View[Asked]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        if not allowed(request.user):
            if must_choose_password(request.user):
                return redirect("password")
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return with_page_policy(login_required(guarded))


def with_page_policy(view: Callable[Asked, HttpResponseBase]) -> Callable[Asked, HttpResponseBase]:
    """Add the content policy of our pages, and keep patient data out of shared caches."""

    @wraps(view)
    def guarded(*args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        answer = view(*args, **kwargs)
        answer.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    return guarded
