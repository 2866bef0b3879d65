"""The one place where settings become a client of our Orthanc."""

from __future__ import annotations

from django.conf import settings

from orthanc.client import OrthancClient


def connect(timeout_s: float | None = None) -> OrthancClient:
    """A client; use it in a `with` block."""
    return OrthancClient(
        settings.ORTHANC_URL,
        settings.ORTHANC_USER,
        settings.ORTHANC_PASSWORD,
        settings.ORTHANC_TIMEOUT_S if timeout_s is None else timeout_s,
    )
