"""The API of uncertainty maps."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from orthanc.errors import NotInOrthancError, OrthancUnavailableError
from review.api import OrthancIsAway
from review.audit import record_view
from review.models import Study
from review.roles import MayRead
from review.serializers import ErrorSerializer
from review.uncertainty_maps import map_as_dicom

DICOM_FILE = "application/dicom"


class DicomFile(JSONRenderer):
    """Lets a client ask for DICOM alone; a refusal is JSON all the same."""

    media_type = DICOM_FILE
    format = "dcm"

    def get_indent(self, accepted_media_type: str, renderer_context: Any) -> int | None:
        """None: on one line."""
        return None


class UncertaintyMap(APIView):
    """The uncertainty map of a study."""

    permission_classes = [MayRead]
    renderer_classes = [JSONRenderer, DicomFile]

    @extend_schema(
        responses={
            (200, DICOM_FILE): OpenApiTypes.BINARY,
            (404, "application/json"): ErrorSerializer,
            (503, "application/json"): ErrorSerializer,
        }
    )
    def get(self, request: Request, study_uid: str) -> HttpResponse:
        """The current result's map on the grid of T1CE, 0 (sure) to 1 (either way): a DICOM Parametric Map."""
        study = Study.objects.select_related("current_result").filter(study_uid=study_uid).first()
        if study is None or study.current_result is None:
            raise NotFound("There is no such study with a result.")
        try:
            dicom = map_as_dicom(study.current_result)
        except NotInOrthancError as error:
            raise NotFound(str(error)) from error
        except OrthancUnavailableError as error:
            raise OrthancIsAway from error
        record_view(request.user.get_username(), study)
        answer = HttpResponse(dicom, content_type=DICOM_FILE)
        answer["Content-Disposition"] = 'attachment; filename="uncertainty.dcm"'
        return answer
