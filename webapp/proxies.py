"""Whose address a request has behind a proxy: log-in limits and the audit log are about browsers, not proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class TrustedProxies:
    """Take the browser's address from X-Forwarded-For where the request came from a proxy that the site trusts.

    The header is read from its end, past further trusted proxies: what stands before was written by the browser
    and may say anything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._trusted = [ipaddress.ip_network(words, strict=False) for words in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as for the browser's own address."""
        address = request.META.get("REMOTE_ADDR", "")
        said = [one.strip() for one in request.headers.get("X-Forwarded-For", "").split(",") if one.strip()]
        while said and self._is_trusted(address):
            address = said.pop()
        request.META["REMOTE_ADDR"] = address
        return self._get_response(request)

    def _is_trusted(self, words: str) -> bool:
        try:
            address = ipaddress.ip_address(words)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
