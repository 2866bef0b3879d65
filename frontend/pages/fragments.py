"""Parts of pages that refresh themselves: sent again only when they changed."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def render_fragment(template: str, context: dict[str, Any], request: HttpRequest) -> tuple[str, str]:
    """The HTML of a part, and its digest, which the part itself carries to its next question."""
    html = render_to_string(template, context, request)
    return html, hashlib.sha256(html.encode()).hexdigest()[:16]


def answer_poll(request: HttpRequest, html: str, digest: str) -> HttpResponse:
    """The part, or 204 where the browser shows this very state: focus, selection and scroll stay untouched."""
    answer = HttpResponse(status=204) if request.GET.get("seen") == digest else HttpResponse(html)
    answer["Cache-Control"] = "no-store"
    answer["X-Fragment"] = digest
    return answer
