"""The log-in page, the page on which people choose their password, and the icon of the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator

from frontend.permissions import with_page_policy
from review.accounts import must_choose_password, password_was_chosen


class LogIn(LoginView):
    """Name and password, the way to single sign-on, or both, as the site is set."""

    template_name = "frontend/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, and which ways there are."""
        return super().get_context_data(**kwargs) | _ways_in()


login = with_page_policy(LogIn.as_view())


def _ways_in() -> dict[str, Any]:
    return {
        "local_login": settings.LOCAL_LOGIN,
        "sign_on_label": settings.OIDC_LABEL if settings.OIDC_ISSUER else "",
    }


@method_decorator(with_page_policy, name="dispatch")
class Password(PasswordChangeView):
    """One's own password: the present one, and twice the new one, which the site's rules must allow."""

    template_name = "frontend/password.html"
    success_url = reverse_lazy("worklist")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form, the rules, and whether it has to be done now."""
        told = {"rules": password_validators_help_texts(), "must": must_choose_password(self.request.user)}
        return super().get_context_data(**kwargs) | told

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Keep it; a one-time password has served its turn."""
        answer = super().form_valid(form)
        password_was_chosen(form.user)
        messages.success(self.request, "Your password is changed.")
        return answer


@with_page_policy
def locked_out(request: HttpRequest, answer: HttpResponse | None, credentials: object) -> HttpResponse:
    """The log-in page for an account that was guessed at too often from this address."""
    context = _ways_in() | {"locked_minutes": int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)}
    return render(request, "frontend/login.html", context, status=429)


def icon(request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for /favicon.ico whatever a page says."""
    return HttpResponseRedirect(static("frontend/mark.svg"))
