"""The log-in page, and the icon of the site."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static

from frontend.permissions import with_page_policy

login = with_page_policy(
    LoginView.as_view(template_name="frontend/login.html", redirect_authenticated_user=True)
)


def icon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for /favicon.ico whatever a page says."""
    return HttpResponseRedirect(static("frontend/mark.svg"))
