"""Accounts for admins: made with a one-time password, given roles, locked and unlocked."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import password_validators_help_texts
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from frontend.permissions import admins_only
from review import accounts
from review.accounts import AccountError
from review.models import BrokenGlass, PermittedSite
from review.roles import UserRole
from review.site_access import Site, SiteAccessError, known_sites, set_sites, sites_of

BROKEN_SHOWN = 20
ROLE_WORDS = {
    UserRole.VIEWER: "looks",
    UserRole.RADIOLOGIST: "reads: looks, sends, flags, accepts",
    UserRole.ADMIN: "administers the site",
    UserRole.SERVICE: "a program, by its token",
}


@admins_only
def listed(request: HttpRequest) -> HttpResponse:
    """All accounts, with their roles and whether they are open."""
    guessed = accounts.guessed_accounts()
    rows = [
        {
            "user": one,
            "roles": sorted(group.name for group in one.groups.all()),
            "is_guessed": one.username in guessed,
            "has_one_time": hasattr(one, "one_time_password"),
        }
        for one in User.objects.select_related("one_time_password")
        .prefetch_related("groups", "permitted_sites")
        .order_by("username")
    ]
    return render(
        request, "frontend/users.html", {"rows": rows, "password_rules": password_validators_help_texts()}
    )


@admins_only
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new account; once it is made, its one-time password is shown, this once."""
    sent = request.POST
    context = _form(sent.getlist("role"), username=sent.get("username", ""), email=sent.get("email", ""))
    if request.method == "POST":
        try:
            made, password = accounts.make_account(
                sent.get("username", ""), sent.getlist("role"), by=_by(request), email=sent.get("email", "")
            )
        except AccountError as error:
            messages.error(request, str(error))
            return render(request, "frontend/user.html", context, status=400)
        return _tell_password(request, made, password)
    return render(request, "frontend/user.html", context)


@admins_only
def change(request: HttpRequest, user_id: int) -> HttpResponse:
    """One account: its roles to change, and what can be done with it."""
    account = get_object_or_404(User, pk=user_id)
    if request.method == "POST":
        try:
            with transaction.atomic():
                accounts.set_roles(account, request.POST.getlist("role"), by=_by(request))
                set_sites(account, _sites_ticked(request), by=_by(request))
        except (AccountError, SiteAccessError) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{account.username} has these roles and sites from now on.")
        return redirect("user", user_id)
    roles = account.groups.values_list("name", flat=True)
    context = _form(list(roles), username=account.username, email=account.email)
    context |= {
        "account": account,
        "tokens": account.api_tokens.filter(revoked_at=None),
        "is_guessed": account.username in accounts.guessed_accounts(),
        "sites": _sites_offered(account),
        "broken": BrokenGlass.objects.filter(user=account)[:BROKEN_SHOWN],
    }
    return render(request, "frontend/user.html", context)


@admins_only
@require_POST
def act(request: HttpRequest, user_id: int, step: str) -> HttpResponse:
    """Lock, unlock, or give a one-time password."""
    account = get_object_or_404(User, pk=user_id)
    try:
        if step == "lock":
            accounts.lock_account(account, by=_by(request))
        elif step == "unlock":
            accounts.unlock_account(account, by=_by(request))
        elif step == "password":
            return _tell_password(request, account, accounts.give_one_time_password(account, by=_by(request)))
        else:
            raise Http404("There is no such step.")
    except AccountError as error:
        messages.error(request, str(error))
    return redirect("user", user_id)


def _by(request: HttpRequest) -> str:
    return request.user.get_username()


def _form(roles: list[str], **fields: str) -> dict[str, Any]:
    offered = [(role.value, words, role.value in roles) for role, words in ROLE_WORDS.items()]
    return {"offered": offered, **fields}


def _sites_offered(account: User) -> list[tuple[str, str, str, bool]]:
    """Value of the box, name of the site, by what it is told, whether it is ticked."""
    ticked = set(sites_of(account))
    return [
        (f"{kind}:{value}", value, PermittedSite.Kind(kind).label, (kind, value) in ticked)
        for kind, value in known_sites(account)
    ]


def _sites_ticked(request: HttpRequest) -> list[Site]:
    pairs = (one.partition(":") for one in request.POST.getlist("site"))
    return [(kind, value) for kind, _, value in pairs]


def _tell_password(request: HttpRequest, account: User, password: str) -> HttpResponse:
    """A page and no redirect: the password is nowhere but in this one answer."""
    context = {
        "title": f"One-time password of {account.username}",
        "secret": password,
        "hint": "It is shown this once. It opens only the page on which another is chosen.",
        "back": "administration",
    }
    return tell_secret(request, context)


def tell_secret(request: HttpRequest, context: dict[str, str]) -> HttpResponse:
    """The page that shows a secret once: no cache may keep it."""
    answer = render(request, "frontend/secret.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer
