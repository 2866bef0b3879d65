"""Headers of answers that no view of ours gave: Django's administration, the API's page, plain refusals."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'self'; form-action 'self'; object-src 'none'; base-uri 'none'"
)
"""Scripts from this site only. The API's page brings styles of its own."""


class DefaultPolicy:
    """A content policy for every page that has none, and no copy of it in shared caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers that are missing."""
        answer = self._get_response(request)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            answer.headers.setdefault("Content-Security-Policy", POLICY)
            answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer
