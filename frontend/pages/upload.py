"""The upload page; its files go to the API, which streams them to Orthanc."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.permissions import workers_only


@workers_only
def page(request: HttpRequest) -> HttpResponse:
    """Choose or drop files and see what became of each."""
    return render(request, "frontend/upload.html")
