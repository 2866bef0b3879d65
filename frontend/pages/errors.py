"""Pages for what is not there and for what went wrong; neither needs the database, which may be what is away."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.template import loader
from django.views.defaults import page_not_found

DATABASE_AWAY = (OperationalError, InterfaceError)
TRY_AGAIN_S = 20


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The usual page; without the site's name and the reader's own links while the database cannot tell them."""
    try:
        return page_not_found(request, exception)
    except DATABASE_AWAY:
        return HttpResponseNotFound(loader.render_to_string("404.html"))


def failed(request: HttpRequest) -> HttpResponse:
    """What a reader is told of an error; of a database that is away, that it is, and that nothing is lost."""
    is_away = isinstance(sys.exc_info()[1], DATABASE_AWAY)
    page = loader.render_to_string("500.html", {"database_is_away": is_away})
    answer = HttpResponse(page, status=503 if is_away else 500)
    if is_away:
        answer["Retry-After"] = str(TRY_AGAIN_S)
    return answer
