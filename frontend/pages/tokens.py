"""Tokens of programs for admins: made for an account with scopes and an end, shown once, revoked."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from frontend.pages.users import tell_secret
from frontend.permissions import admins_only
from review.api_tokens import TokenError, make_token, revoke_token
from review.models import ApiToken, Scope

DAYS = (7, 30, 90, 365)


@admins_only
def page(request: HttpRequest) -> HttpResponse:
    """All tokens, and the form of a new one."""
    if request.method == "POST":
        try:
            return _make(request)
        except TokenError as error:
            messages.error(request, str(error))
    now = timezone.now()
    context = {
        "rows": [(token, token.why_not(now)) for token in ApiToken.objects.select_related("user")],
        "scopes": [(value, words, value in request.POST.getlist("scope")) for value, words in Scope.choices],
        "name": request.POST.get("name", ""),
        "users": User.objects.filter(is_active=True).order_by("username"),
        "all_days": DAYS,
    }
    return render(request, "frontend/tokens.html", context, status=400 if request.method == "POST" else 200)


def _make(request: HttpRequest) -> HttpResponse:
    """A page and no redirect: the token is nowhere but in this one answer."""
    sent = request.POST
    owner = User.objects.filter(username=sent.get("account", ""), is_active=True).first()
    if owner is None:
        raise TokenError("Choose the account that the token acts for.")
    days = int(sent["days"]) if sent.get("days") in {str(one) for one in DAYS} else DAYS[1]
    token, text = make_token(
        owner,
        sent.get("name", "").replace("\x00", ""),
        by=request.user.get_username(),
        allowed=sent.getlist("scope"),
        days=days,
    )
    context = {
        "title": f"Token “{token.name}” of {owner.username}",
        "secret": text,
        "hint": f"It is shown this once. Send it as “Authorization: Token …”; it ends after {days} days.",
        "back": "tokens",
    }
    return tell_secret(request, context)


@admins_only
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Close a token at once."""
    token = get_object_or_404(ApiToken, pk=token_id)
    if revoke_token(token, by=request.user.get_username()):
        messages.success(request, f"{token} opens nothing any more.")
    return redirect("tokens")
