"""DICOMweb, streamed through Django, which checks who asks: reading for the viewer, storing (STOW-RS) for senders.

Orthanc's credentials are added here and never leave; cookies and tokens of the asker never reach Orthanc. Only the
addresses that a viewer needs can be read, and only new objects can be stored: nothing is changed or deleted.
"""

from __future__ import annotations

import atexit
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import IO, Any

import httpx
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.authentication import SessionAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from frontend.stow import CANNOT_UNDERSTAND, BadBodyError, StowBody, received
from orthanc.client import KEPT_S
from review.api_tokens import HashedTokenAuthentication
from review.audit import record, record_view_of
from review.models import AuditAction, Study
from review.roles import MayRead, MayUpload
from review.site_scope import current_scope
from review.upload import note_refused

ROOT = "dicom-web"
FAILED = {"00081197": {"vr": "US", "Value": [CANNOT_UNDERSTAND]}}
"""An object in the list of those that were not stored (DICOM PS3.18, table 10.5.3-1)."""
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
OF_STUDY = re.compile(rf"studies/({UID})(?:/.*)?")
DOTS_ONLY = re.compile(r"(?:.*/)?\.+(?:/.*)?")
"""A part of dots alone: no UID, but a way out of the folder."""
STUDY_UID = "0020000D"
STORE = re.compile(rf"studies(?:/{UID})?")
CHUNK_BYTES = 256 * 1024
# A connection that Orthanc closes while we write on it looks like a server that does not answer, and a viewer that
# lacks one image leaves out the whole mask.
TRIES = 3
# An instance never changes under its UID, so its pixels may stay in the reader's own browser for a day.
PIXEL_CACHE = "private, max-age=86400, immutable"
OTHER_CACHE = "private, no-cache"


class AnyAccept(DefaultContentNegotiation):
    """Images are asked for in types of their own; only refusals are written here, as JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """JSON, whatever was asked."""
        chosen = next(iter(renderers))
        return chosen, str(chosen.media_type)


class LeftUnread(BaseParser):
    """The body stays in its stream: the check of a session's form token looks for fields, and there are none."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, object] | None = None,
    ) -> dict[str, str]:
        """No fields."""
        return {}


class DicomWeb(APIView):
    """Everything below /dicomweb/. Refusals are JSON, which a viewer can show."""

    authentication_classes = (HashedTokenAuthentication, SessionAuthentication)
    renderer_classes = (JSONRenderer,)
    parser_classes = (LeftUnread,)
    content_negotiation_class = AnyAccept
    http_method_names = ["get", "head", "post"]
    schema = None

    def get_permissions(self) -> list[MayRead | MayUpload]:
        """Readers read; who may send studies may store."""
        return [MayRead() if self.request.method in SAFE_METHODS else MayUpload()]

    def get(self, request: Request, path: str) -> HttpResponseBase:
        """QIDO-RS and WADO-RS (DICOM PS3.18 sections 10.4 and 10.6)."""
        if not is_open(path):
            return _refuse(404, "There is no such DICOMweb address here.")
        if named := OF_STUDY.fullmatch(path):
            if not may_see(named.group(1)):
                return _refuse(404, "No such study has come in.")
            record_view_of(request.user.get_username(), named.group(1))
        elif current_scope() is not None:
            return _permitted_studies(request._request, path)
        return _stream(request._request, path)

    head = get

    def post(self, request: Request, path: str) -> HttpResponseBase:
        """STOW-RS (DICOM PS3.18 section 10.5): what is whole goes to Orthanc, the rest to the list of problems."""
        if not STORE.fullmatch(path) or DOTS_ONLY.fullmatch(path):
            return _refuse(404, "Objects are stored at studies or studies/<study UID>.")
        by = request.user.get_username()
        record(AuditAction.UPLOADED, by, way="STOW-RS")
        try:
            with received(request._request) as body:
                note_refused([("STOW-RS", reason) for reason in body.refused], by)
                return _store(request._request, path, body)
        except BadBodyError as error:
            return _refuse(400, str(error))


def is_open(path: str) -> bool:
    """Whether a path below the DICOMweb root may be read through this door."""
    if DOTS_ONLY.fullmatch(path):
        return False
    return any(allowed.fullmatch(path) for allowed in (FRAMES, OTHERS, BULK))


def may_see(study_uid: str) -> bool:
    """Whether the request may see the images of a study; who is limited to sites sees none that has no row yet."""
    return current_scope() is None or Study.objects.filter(study_uid=study_uid).exists()


def _permitted_studies(request: HttpRequest, path: str) -> HttpResponseBase:
    """The answer to a search for studies without those of other sites."""
    headers = _headers_for_orthanc(request) | {"Accept": "application/dicom+json"}
    query = request.META.get("QUERY_STRING", "")
    try:
        answer = _orthanc().get(f"/{ROOT}/{path}", params=query, headers=headers)
    except httpx.TransportError:
        return _refuse(502, "The image archive (Orthanc) does not answer.")
    if not answer.is_success:
        return _refuse(502, "The image archive (Orthanc) refuses this search.")
    found = {one[STUDY_UID]["Value"][0]: one for one in answer.json()}
    seen = set(Study.objects.filter(study_uid__in=found).values_list("study_uid", flat=True))
    kept = [one for uid, one in found.items() if uid in seen]
    return _told(kept, 200)


def _stream(request: HttpRequest, path: str) -> HttpResponseBase:
    pixels = FRAMES.fullmatch(path) or BULK.fullmatch(path)
    asked = _orthanc().build_request(
        request.method or "GET",
        f"/{ROOT}/{path}",
        params=request.META.get("QUERY_STRING", ""),
        headers=_headers_for_orthanc(request),
    )
    return _answer(asked, PIXEL_CACHE if pixels else OTHER_CACHE)


def _store(request: HttpRequest, path: str, body: StowBody) -> HttpResponseBase:
    """What Orthanc says, with the objects that it never got to see among the failed ones."""
    failed = [FAILED] * len(body.refused)
    if not body.good:
        return _told({"00081198": {"vr": "SQ", "Value": failed}}, 409)
    boundary = secrets.token_hex(16)
    headers = _headers_for_orthanc(request) | {
        "Accept": "application/dicom+json",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
    }
    content = body.rewritten(boundary.encode())
    asked = _storing_orthanc().build_request("POST", f"/{ROOT}/{path}", content=content, headers=headers)
    if not failed:
        return _answer(asked, "no-store")
    try:
        answer = _storing_orthanc().send(asked)
        if answer.status_code in {400, 409, 415}:  # it refuses the others, too
            return _told({"00081198": {"vr": "SQ", "Value": failed + [FAILED] * len(body.good)}}, 409)
        told = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return _refuse(502, "The image archive (Orthanc) did not take the objects.")
    told.setdefault("00081198", {"vr": "SQ"}).setdefault("Value", []).extend(failed)
    return _told(told, 202)


def _told(answer: dict[str, Any] | list[dict[str, Any]], status: int) -> HttpResponse:
    told = JsonResponse(answer, safe=False, status=status, content_type="application/dicom+json")
    told["Cache-Control"] = "no-store"
    return told


def _answer(asked: httpx.Request, caching: str) -> HttpResponseBase:
    try:
        answer = _sent(asked)
    except httpx.TransportError:
        return _refuse(502, "The image archive (Orthanc) does not answer.")
    if answer.status_code in {401, 403}:
        answer.close()
        return _refuse(502, "The image archive (Orthanc) refuses the web server's credentials.")
    return _passed_on(answer, caching)


def _sent(asked: httpx.Request) -> httpx.Response:
    """The beginning of Orthanc's answer; a reading that met a closed connection is asked again."""
    if asked.method == "POST":
        return _storing_orthanc().send(asked, stream=True)
    for _ in range(TRIES - 1):
        try:
            return _orthanc().send(asked, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            continue
    return _orthanc().send(asked, stream=True)


def _orthanc() -> httpx.Client:
    return _client(settings.ORTHANC_URL, settings.ORTHANC_USER, settings.ORTHANC_PASSWORD, kept=16)


def _storing_orthanc() -> httpx.Client:
    """A body is sent once, so each goes over a connection of its own, which Orthanc cannot have closed."""
    return _client(settings.ORTHANC_URL, settings.ORTHANC_USER, settings.ORTHANC_PASSWORD, kept=0)


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
def _client(url: str, username: str, password: str, kept: int) -> httpx.Client:
    """A pool of connections per process and use, opened on first use and so never shared across a fork."""
    client = httpx.Client(
        base_url=url,
        auth=(username, password) if username else None,
        timeout=settings.ORTHANC_TIMEOUT_S,
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=kept, keepalive_expiry=KEPT_S),
        trust_env=False,
    )
    atexit.register(client.close)
    return client


def _refuse(status: int, text: str) -> HttpResponse:
    refusal = JsonResponse({"detail": text}, status=status)
    refusal["Cache-Control"] = "no-store"
    return refusal
