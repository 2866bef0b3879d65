"""DICOMweb for the browser: reads of Orthanc, streamed through Django, which checks who asks.

Orthanc's credentials are added here and never leave; cookies and tokens of the browser never reach Orthanc. Only
reading is possible, and only the addresses that a viewer needs.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterator
from functools import cache

import httpx
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from review.roles import can_read

ROOT = "dicom-web"
UID = r"[0-9.]{1,64}"
INSTANCE = rf"studies/{UID}/series/{UID}/instances/{UID}"
FRAMES = re.compile(rf"{INSTANCE}/frames/[0-9,]{{1,2000}}")
BULK = re.compile(rf"{INSTANCE}/bulk(?:/[0-9A-Fa-f]{{1,8}}){{1,9}}")
OTHERS = re.compile(
    rf"studies|studies/{UID}(?:/metadata|/series|/instances)?"
    rf"|studies/{UID}/series/{UID}(?:/metadata|/instances)?"
    rf"|{INSTANCE}(?:/metadata)?"
)
KEPT_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Content-Encoding",
    "Content-Range",
    "ETag",
    "Last-Modified",
)
CHUNK_BYTES = 256 * 1024
# An instance never changes under its UID, so its pixels may stay in the reader's own browser for a day.
PIXEL_CACHE = "private, max-age=86400, immutable"
OTHER_CACHE = "private, no-cache"


@csrf_exempt  # nothing can be written here; a POST is told so instead of being asked for a form token
def dicomweb(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer one DICOMweb read from Orthanc, unbuffered. Refusals are JSON, which a viewer can show."""
    if request.method not in {"GET", "HEAD"}:
        refusal = _refuse(405, "Only reading is possible here.")
        refusal["Allow"] = "GET, HEAD"
        return refusal
    if not request.user.is_authenticated:
        return _refuse(401, "Please log in.")
    if not can_read(request.user):
        return _refuse(403, "Your account has no right to see studies.")
    if not is_open(path):
        return _refuse(404, "There is no such DICOMweb address here.")
    return _stream(request, path)


def is_open(path: str) -> bool:
    """Whether a path below the DICOMweb root may be read through this door."""
    return any(allowed.fullmatch(path) for allowed in (FRAMES, OTHERS, BULK))


def _stream(request: HttpRequest, path: str) -> HttpResponseBase:
    upstream = _client(settings.ORTHANC_URL, settings.ORTHANC_USER, settings.ORTHANC_PASSWORD)
    asked = upstream.build_request(
        request.method or "GET",
        f"/{ROOT}/{path}",
        params=request.META.get("QUERY_STRING", ""),
        headers=_headers_for_orthanc(request),
    )
    try:
        answer = upstream.send(asked, stream=True)
    except httpx.TransportError:
        return _refuse(502, "The image archive (Orthanc) does not answer.")
    if answer.status_code in {401, 403}:
        answer.close()
        return _refuse(502, "The image archive (Orthanc) refuses the web server's credentials.")
    return _passed_on(answer, PIXEL_CACHE if FRAMES.fullmatch(path) or BULK.fullmatch(path) else OTHER_CACHE)


def _headers_for_orthanc(request: HttpRequest) -> dict[str, str]:
    host, scheme = request.get_host(), request.scheme
    return {
        "Accept": request.headers.get("Accept", "*/*"),
        "Accept-Encoding": "identity",
        # Orthanc writes absolute bulk data addresses; so they point to us.
        "Forwarded": f"host={host};proto={scheme}",
    }


def _passed_on(answer: httpx.Response, caching: str) -> HttpResponseBase:
    passed = StreamingHttpResponse(_chunks(answer), status=answer.status_code)
    for name in KEPT_HEADERS:
        if name in answer.headers:
            passed[name] = answer.headers[name]
    passed["Cache-Control"] = caching if answer.is_success else "no-store"
    patch_vary_headers(passed, ["Accept", "Cookie"])
    return passed


def _chunks(answer: httpx.Response) -> Iterator[bytes]:
    # Also closed when the browser goes away: Django closes the generator.
    try:
        yield from answer.iter_raw(CHUNK_BYTES)
    finally:
        answer.close()


@cache
def _client(url: str, username: str, password: str) -> httpx.Client:
    """One pool of connections per process, opened on first use and so never shared across a fork."""
    client = httpx.Client(
        base_url=url,
        auth=(username, password) if username else None,
        timeout=settings.ORTHANC_TIMEOUT_S,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
        trust_env=False,
    )
    atexit.register(client.close)
    return client


def _refuse(status: int, text: str) -> HttpResponse:
    refusal = JsonResponse({"detail": text}, status=status)
    refusal["Cache-Control"] = "no-store"
    return refusal
