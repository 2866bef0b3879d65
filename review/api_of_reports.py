"""The API of report texts: what they say now, and what was copied."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from review.macros import StaleTextError, copies_of, macros_for, record_copy
from review.models import Result, Study, TemplateVersion
from review.refusals import find_study
from review.roles import MayRead
from review.serializers import ErrorSerializer
from review.serializers_of_reports import CopySerializer, NewCopySerializer, ReportSerializer


class StaleText(APIException):
    """The copied text is not what the result says now."""

    status_code = 409


class Reports(APIView):
    """The report texts of a study."""

    permission_classes = [MayRead]

    @extend_schema(responses={200: ReportSerializer, 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """The texts of all templates that fit the current result, and the copies made so far."""
        study = find_study(study_uid, Study.objects.select_related("current_result"))
        result = study.current_result
        told = {
            "result": result.pk if result else None,
            "macros": macros_for(result) if result else [],
            "copies": copies_of(study),
        }
        return Response(ReportSerializer(told).data)

    @extend_schema(
        request=NewCopySerializer,
        responses={201: CopySerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, study_uid: str) -> Response:
        """Keep the exact text that was copied; refused where the result says something else by now."""
        asked = NewCopySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        result = Result.objects.filter(pk=wanted["result"], study=find_study(study_uid)).first()
        version = TemplateVersion.objects.filter(pk=wanted["template_version"]).first()
        if result is None or version is None:
            raise NotFound("There is no such result or template.")
        try:
            copied = record_copy(result, version, wanted["text"], by=request.user.get_username())
        except StaleTextError as error:
            raise StaleText(str(error)) from error
        return Response(CopySerializer(copied).data, status=201)
