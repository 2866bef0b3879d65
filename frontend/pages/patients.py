"""The patients, found by name, ID or accession number: the way to a patient's curve."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.permissions import readers_only
from review.patients import patient_list, rows_of

COMPARTMENTS = ("ET", "TC", "WT")


@readers_only
def page(request: HttpRequest) -> HttpResponse:
    """One page of patients, the latest visit first."""
    search = request.GET.get("q", "").replace("\0", "").strip()[:200]
    asked = request.GET.get("page", "")
    listed = patient_list(search, int(asked) if asked.isdecimal() and len(asked) < 7 else 1)
    context = {
        "search": search,
        "listed": listed,
        "patients": rows_of(listed),
        "compartments": COMPARTMENTS,
        "earlier": _address(search, listed.previous_page_number()) if listed.has_previous() else "",
        "later": _address(search, listed.next_page_number()) if listed.has_next() else "",
    }
    return render(request, "frontend/patients.html", context)


def _address(search: str, page: int) -> str:
    return "?" + urlencode({"q": search, "page": page} if search else {"page": page})
