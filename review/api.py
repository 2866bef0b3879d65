"""The API: views ask, services write, selectors read."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import generics
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orthanc.errors import OrthancUnavailableError
from orthanc.types import Role
from review import nudge, selectors
from review.audit import record_view
from review.fhir import bundle_of
from review.health import system_health
from review.models import Alert, Delivery, IntakeProblem, Study
from review.pacs import connect
from review.roles import MayRead, MayUpload, MayWork
from review.serializers import (
    AlertSerializer,
    AssignmentSerializer,
    DeliverySerializer,
    ErrorSerializer,
    HealthSerializer,
    ModelChoiceSerializer,
    ProblemSerializer,
    StudyDetailSerializer,
    StudyFilterSerializer,
    StudySerializer,
    UploadReportSerializer,
    UploadSerializer,
)
from review.services import (
    CannotAssignError,
    NothingToRetryError,
    assign_series,
    retry_study,
    try_other_model,
)
from review.site_access import permitted
from review.upload import take_upload


class OrthancIsAway(APIException):
    """Orthanc does not answer now."""

    status_code = 503
    default_detail = "Orthanc does not answer at the moment. Try again later."


class CannotRetry(APIException):
    """Trying again has no meaning."""

    status_code = 409


class CannotAssign(APIException):
    """Series cannot fill roles as asked."""

    status_code = 409


class StudyList(generics.ListAPIView[Study]):
    """All studies, with filters, the latest change first."""

    permission_classes = [MayRead]
    serializer_class = StudySerializer
    queryset = Study.objects.none()  # for the schema

    @extend_schema(parameters=[StudyFilterSerializer])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Give one page."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Study]:
        """The studies that fit the filters of the address."""
        asked = StudyFilterSerializer(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = selectors.filtered_studies(
            states=sorted(wanted.get("state", ())),
            search=wanted.get("search", ""),
            patient_id=wanted.get("patient_id", ""),
            since=wanted.get("since"),
        )
        return found.order_by(*selectors.ORDERS[wanted.get("order", "changed")])


def _study(study_uid: str) -> Study:
    try:
        return selectors.study_detail(study_uid)
    except Study.DoesNotExist as error:
        raise NotFound("No study with this UID has come in.") from error


class StudyDetail(APIView):
    """One study."""

    permission_classes = [MayRead]

    @extend_schema(responses={200: StudyDetailSerializer, 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """State, reason, series with roles, result with volumes and intervals in ml, seconds per stage."""
        study = _study(study_uid)
        record_view(request.user.get_username(), study)
        return Response(StudyDetailSerializer(study).data)


class StudyRetry(APIView):
    """Try a study again."""

    permission_classes = [MayWork]

    @extend_schema(
        request=None, responses={202: StudyDetailSerializer, 404: ErrorSerializer, 409: ErrorSerializer}
    )
    def post(self, request: Request, study_uid: str) -> Response:
        """Queue a failed job again, look again at a study that waits, or process anew with a newer model."""
        study = _study(study_uid)
        try:
            with connect() as pacs:
                retry_study(pacs, study, by=request.user.get_username())
        except NothingToRetryError as error:
            raise CannotRetry(str(error)) from error
        except OrthancUnavailableError as error:
            raise OrthancIsAway from error
        return Response(StudyDetailSerializer(_study(study_uid)).data, status=202)


class StudyModel(APIView):
    """Try a study again with another model."""

    permission_classes = [MayWork]

    @extend_schema(
        request=ModelChoiceSerializer,
        responses={202: StudyDetailSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def post(self, request: Request, study_uid: str) -> Response:
        """Segment the same series with an installed model; its result takes the place of the present one."""
        study = _study(study_uid)
        asked = ModelChoiceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            try_other_model(study, by=request.user.get_username(), **asked.validated_data)
        except NothingToRetryError as error:
            raise CannotRetry(str(error)) from error
        return Response(StudyDetailSerializer(_study(study_uid)).data, status=202)


class StudyFhir(APIView):
    """The current result for systems that speak FHIR."""

    permission_classes = [MayRead]

    @extend_schema(responses={200: OpenApiTypes.OBJECT, 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """A FHIR R4 bundle: ImagingStudy, an Observation per volume with its interval, DiagnosticReport."""
        study = _study(study_uid)
        if study.current_result is None:
            raise NotFound("The study has no result.")
        return Response(bundle_of(study, study.current_result))


class CannotSendAgain(APIException):
    """The delivery waits or has arrived."""

    status_code = 409
    default_detail = "Only a delivery that was given up can be sent again."


class DeliveryRetry(APIView):
    """Send an object again."""

    permission_classes = [MayWork]

    @extend_schema(
        request=None, responses={202: DeliverySerializer, 404: ErrorSerializer, 409: ErrorSerializer}
    )
    def post(self, request: Request, delivery_id: int) -> Response:
        """Queue a delivery that was given up."""
        delivery = get_object_or_404(permitted(Delivery.objects.all(), "item__result__study"), pk=delivery_id)
        if not delivery.send_again():
            raise CannotSendAgain
        delivery.refresh_from_db()
        return Response(DeliverySerializer(delivery).data, status=202)


class StudySeriesRoles(APIView):
    """Say which series fill the four roles."""

    permission_classes = [MayWork]

    @extend_schema(
        request=AssignmentSerializer,
        responses={202: StudyDetailSerializer, 404: ErrorSerializer, 409: ErrorSerializer},
    )
    def put(self, request: Request, study_uid: str) -> Response:
        """Assign series against the guess; other series make a new job, whose result supersedes."""
        study = _study(study_uid)
        asked = AssignmentSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        assigned = {Role(role): uid for role, uid in asked.validated_data.items() if uid}
        try:
            assign_series(study, assigned, by=request.user.get_username())
        except CannotAssignError as error:
            raise CannotAssign(str(error)) from error
        return Response(StudyDetailSerializer(_study(study_uid)).data, status=202)


class AlertList(generics.ListAPIView[Alert]):
    """Studies that ended without a result, newest first."""

    permission_classes = [MayRead]
    serializer_class = AlertSerializer

    def get_queryset(self) -> QuerySet[Alert]:
        """Asked anew each time: who asks decides which there are."""
        return selectors.alerts()


class Upload(APIView):
    """Send DICOM files or zip archives of them."""

    permission_classes = [MayUpload]
    parser_classes = [MultiPartParser]

    @extend_schema(
        request={"multipart/form-data": UploadSerializer},
        responses={200: UploadReportSerializer, 400: ErrorSerializer, 503: ErrorSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store them in Orthanc; the answer says of every file whether it was taken, and if not, why."""
        asked = UploadSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            with connect() as pacs:
                report = take_upload(pacs, asked.validated_data["files"], by=request.user.get_username())
        except OrthancUnavailableError as error:
            raise OrthancIsAway from error
        return Response(UploadReportSerializer(report).data)


class ProblemList(generics.ListAPIView[IntakeProblem]):
    """Files and studies that could not be taken, newest first."""

    permission_classes = [MayRead]
    serializer_class = ProblemSerializer

    def get_queryset(self) -> QuerySet[IntakeProblem]:
        """Asked anew each time: who asks decides which there are."""
        return selectors.intake_problems()


class Health(APIView):
    """How the machinery is."""

    permission_classes = [MayRead]

    @extend_schema(responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Database, broker, Orthanc, follower, workers, queue."""
        return Response(HealthSerializer(system_health()).data)


class Nudge(APIView):
    """Orthanc's hook calls here when a series or study rests."""

    authentication_classes = []
    permission_classes = []

    @extend_schema(request=OpenApiTypes.OBJECT, responses={204: None, 403: ErrorSerializer}, auth=[])
    def post(self, request: Request) -> Response:
        """Wake the follower. The token of the hook is needed: `Authorization: Token ...`."""
        given = request.headers.get("Authorization", "").removeprefix("Token ").encode()
        if not settings.NUDGE_TOKEN or not hmac.compare_digest(given, settings.NUDGE_TOKEN.encode()):
            raise PermissionDenied("The hook's token is needed.")
        nudge.nudge()
        return Response(status=204)
