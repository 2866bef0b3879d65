"""The log-in page, and the icon of the site."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static

from frontend.permissions import with_page_policy

login = with_page_policy(
    LoginView.as_view(template_name="frontend/login.html", redirect_authenticated_user=True)
)


@with_page_policy
def locked_out(request: HttpRequest, answer: HttpResponse | None, credentials: object) -> HttpResponse:
    """The log-in page for an account that was guessed at too often from this address."""
    context = {"locked_minutes": int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)}
    return render(request, "frontend/login.html", context, status=429)


def icon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for /favicon.ico whatever a page says."""
    return HttpResponseRedirect(static("frontend/mark.svg"))
