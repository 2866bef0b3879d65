"""Edited masks, stored by STOW-RS (DICOM PS3.18 section 10.5) at the result that they correct.

The object itself is not kept: the label map in it is measured and written anew as a SEG of ours, which refers to its
sources and is recognised when it comes back. The answer says so with the warning for changed data elements.
"""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils.http import parse_header_parameters
from pydicom.dataset import Dataset
from rest_framework.authentication import SessionAuthentication
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from frontend.dicomweb import AnyAccept, LeftUnread
from orthanc.errors import HopelessError, OrthancUnavailableError
from orthanc.seg_reading import parse_seg
from review.api_tokens import HashedTokenAuthentication
from review.models import Result
from review.roles import MayReview
from review.services_of_corrections import correct
from review.services_of_review import CannotReviewError
from review.site_access import permitted

MOST_BYTES = 512 * 1024 * 1024
COERCED = 0xB000
"""Data elements were changed (PS3.18 table I.2-1)."""


class Corrections(APIView):
    """The STOW-RS address of one result."""

    authentication_classes = (HashedTokenAuthentication, SessionAuthentication)
    permission_classes = (MayReview,)
    renderer_classes = (JSONRenderer,)
    parser_classes = (LeftUnread,)
    content_negotiation_class = AnyAccept
    schema = None

    def post(self, request: Request, result_id: int) -> HttpResponse:
        """Take one edited mask."""
        rows = permitted(Result.objects.select_related("study", "job"), "study")
        result = rows.filter(pk=result_id).first()
        if result is None:
            return _refuse(404, "There is no such result.")
        asked = request._request
        if int(asked.headers.get("Content-Length") or 0) > MOST_BYTES:
            return _refuse(413, "The mask is too large.")
        parts = parts_of(asked.headers.get("Content-Type", ""), asked.read(MOST_BYTES + 1))
        if len(parts) != 1:
            return _refuse(400, "Send one segmentation as multipart/related.")
        try:
            seg = parse_seg(parts[0])
            correct(result, seg, by=request.user.get_username())
        except (CannotReviewError, HopelessError) as error:
            return _refuse(409, str(error))
        except OrthancUnavailableError:
            return _refuse(502, "The image archive (Orthanc) does not answer.")
        return JsonResponse(_answer(seg), status=202, content_type="application/dicom+json")


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    """The contents of a multipart body (RFC 2046); empty where it is none."""
    kind, parameters = parse_header_parameters(content_type)
    boundary = parameters.get("boundary", "").encode()
    if kind != "multipart/related" or not boundary:
        return []
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]
    return [piece.split(b"\r\n\r\n", 1)[1] for piece in pieces if b"\r\n\r\n" in piece and piece[:2] != b"--"]


def _answer(seg: Dataset) -> dict[str, object]:
    stored = {
        "00081150": {"vr": "UI", "Value": [str(seg.SOPClassUID)]},
        "00081155": {"vr": "UI", "Value": [str(seg.SOPInstanceUID)]},
        "00081196": {"vr": "US", "Value": [COERCED]},
    }
    return {"00081199": {"vr": "SQ", "Value": [stored]}}


def _refuse(status: int, text: str) -> HttpResponse:
    refusal = JsonResponse({"detail": text}, status=status)
    refusal["Cache-Control"] = "no-store"
    return refusal
