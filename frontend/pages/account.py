"""The log-in page."""

from __future__ import annotations

from django.contrib.auth.views import LoginView

from frontend.permissions import with_page_policy

login = with_page_policy(
    LoginView.as_view(template_name="frontend/login.html", redirect_authenticated_user=True)
)
