"""Django's own administration, to look at: whatever app registers a table there, nobody changes a row by it.

Its bulk actions send no signal for a row, so the audit log would not hear of them; what is to be changed has pages of
its own, where every change is a line of that log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver

from review.roles import is_admin

Shown = TypeVar("Shown", bound=Model)


class LookOnly:
    """Rows that people may look at, not touch."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Admins."""
        return is_admin(request.user)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Admins."""
        return is_admin(request.user)


class LookingSite(AdminSite):
    """The tables, for admins, behind the site's own log-in."""

    def register(
        self,
        model_or_iterable: type[Shown] | Iterable[type[Shown]],
        admin_class: type[ModelAdmin[Shown]] | None = None,
        **options: Any,
    ) -> None:
        """Register models, without any right to change them, and with those actions only that are put on record."""
        shown: Any = admin_class or ModelAdmin
        # An app may bring actions that ask for no right at all.
        actions = {"actions": list(getattr(shown, "actions_on_record", ()))}
        look_only: Any = type(f"{shown.__name__}ToLookAt", (LookOnly, shown), actions)
        super().register(model_or_iterable, look_only, **options)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Without the way to an object's own page: none has one, and it fails on a key that is none."""
        return [one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site"]

    def has_permission(self, request: HttpRequest) -> bool:
        """Whoever is an admin on every other page; a one-time password opens nothing."""
        return is_admin(request.user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The log-in page of the site: its locks, its second ways in, its content policy.

        Raises:
            PermissionDenied: somebody is logged in who is no admin.
        """
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", "/admin/"), settings.LOGIN_URL)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of the site, which notes that a one-time password was replaced."""
        return redirect("password")
