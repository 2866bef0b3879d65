"""The way to the hospital's log-in and back."""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from frontend.permissions import with_page_policy
from review.single_sign_on import ProviderAwayError, SignOnRefusedError, provider

log = logging.getLogger(__name__)

AWAY = "The hospital's log-in does not answer at the moment."
DID_NOT_WORK = "Log-in by the hospital's account did not work. Please try again."


class _ToProvider(OIDCAuthenticationRequestView):
    """Send the browser to the provider."""

    def __init__(self) -> None:
        self.OIDC_OP_AUTH_ENDPOINT = provider()["authorization_endpoint"]
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID


class _FromProvider(OIDCAuthenticationCallbackView):
    """Take the code that the browser brings back."""

    def login_failure(self) -> HttpResponseRedirect:
        """Back to the log-in page, with words."""
        return _refused(self.request, DID_NOT_WORK)


@with_page_policy
def begin(request: HttpRequest) -> HttpResponse:
    """To the provider's page; afterwards to the address in `next`, if it is one of ours."""
    _must_be_on()
    try:
        return _ToProvider.as_view()(request)
    except ProviderAwayError as error:
        log.warning("single sign-on: %s", error)
        return _refused(request, AWAY)


@with_page_policy
def back(request: HttpRequest) -> HttpResponse:
    """Logged in, or the log-in page with the reason."""
    _must_be_on()
    try:
        return _FromProvider.as_view()(request)
    except SignOnRefusedError as error:
        return _refused(request, str(error))
    except ProviderAwayError as error:
        log.warning("single sign-on: %s", error)
        return _refused(request, AWAY)
    except SuspiciousOperation as error:
        log.warning("single sign-on: %s", error)
        return _refused(request, DID_NOT_WORK)


def _must_be_on() -> None:
    if not settings.OIDC_ISSUER:
        raise Http404("Single sign-on is off.")


def _refused(request: HttpRequest, why: str) -> HttpResponseRedirect:
    messages.error(request, why)
    return redirect("login")
