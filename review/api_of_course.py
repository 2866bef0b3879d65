"""The API of a patient's course. A patient is named by the UID of any of the studies, which tells nobody who it is."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from review import services_of_course as services
from review.audit import record_view
from review.cohort import TooManyPatientsError, cohort
from review.course_facts import PatientKey
from review.longitudinal import events_of, links_of, timeline_of
from review.models import IdentityLink, TreatmentEvent
from review.patients import key_of
from review.refusals import REFUSALS, ReadOrWrite, Refused, find_study
from review.roles import MayAdminister, MayRead, MayWork
from review.serializers import ErrorSerializer
from review.serializers_of_course import (
    CohortFilterSerializer,
    CohortRowSerializer,
    EventSerializer,
    LinkSerializer,
    NewLinkSerializer,
    ReadingSerializer,
    TimelineSerializer,
)
from review.site_access import may_see_patient


class Course(ReadOrWrite):
    """Every role reads a course; radiologists, admins and services write to it."""

    writers = MayWork
    refusal = services.CannotRecordError


class TimelineOfPatient(Course):
    """The course of a patient."""

    @extend_schema(responses={200: TimelineSerializer, 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """Visits with volumes, treatment events, and the suggested response with its reasoning."""
        study = find_study(study_uid)
        record_view(_name(request), study)
        timeline = timeline_of(key_of(study))
        return Response(TimelineSerializer(timeline, context={"timeline": timeline}).data)


class Events(Course):
    """The treatment events of a patient."""

    @extend_schema(responses={200: EventSerializer(many=True), 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """All that stand, oldest first."""
        return Response(EventSerializer(events_of(_patient(study_uid)), many=True).data)

    @extend_schema(request=EventSerializer, responses={201: EventSerializer, **REFUSALS})
    def post(self, request: Request, study_uid: str) -> Response:
        """Enter one; every answer of the course is read anew with it."""
        asked = EventSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        event = services.add_event(_patient(study_uid), by=_name(request), **asked.validated_data)
        return Response(EventSerializer(event).data, status=201)


class OneEvent(Course):
    """One treatment event."""

    @extend_schema(request=EventSerializer, responses={200: EventSerializer, **REFUSALS})
    def put(self, request: Request, event_id: int) -> Response:
        """Correct it: it gets a new number, and what stood before stays on record."""
        event = _event(event_id)
        asked = EventSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changed = services.change_event(event, by=_name(request), **asked.validated_data)
        return Response(EventSerializer(changed).data)

    @extend_schema(responses={204: None, **REFUSALS})
    def delete(self, request: Request, event_id: int) -> Response:
        """Take it out of the course; it stays on record."""
        services.remove_event(_event(event_id), by=_name(request))
        return Response(status=204)


class Reading(Course):
    """How a patient's course is read."""

    @extend_schema(request=ReadingSerializer, responses={200: ReadingSerializer, **REFUSALS})
    def put(self, request: Request, study_uid: str) -> Response:
        """Set the setting, the profile and the baseline."""
        asked = ReadingSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        row = services.set_reading(_patient(study_uid), by=_name(request), **asked.validated_data)
        return Response(ReadingSerializer(row).data)


class Cohort(APIView):
    """Patients seen in a stretch of time."""

    permission_classes = [MayRead]

    @extend_schema(
        parameters=[CohortFilterSerializer],
        responses={200: CohortRowSerializer(many=True), 409: ErrorSerializer},
    )
    def get(self, request: Request) -> Response:
        """Each with the suggested response of the last visit: progression first, then the newest."""
        asked = CohortFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        try:
            rows = cohort(**asked.validated_data)
        except TooManyPatientsError as error:
            raise Refused(str(error)) from error
        return Response(CohortRowSerializer(rows, many=True).data)


class Links(APIView):
    """Other IDs of a patient."""

    permission_classes = [MayAdminister]

    @extend_schema(request=NewLinkSerializer, responses={201: LinkSerializer, **REFUSALS})
    def post(self, request: Request, study_uid: str) -> Response:
        """Say that the patients of two studies are one person."""
        asked = NewLinkSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        one, other = _patient(study_uid), _patient(asked.validated_data["other_study_uid"])
        try:
            link = services.link_patients(one, other, by=_name(request))
        except services.CannotRecordError as error:
            raise Refused(str(error)) from error
        return Response(LinkSerializer(link).data, status=201)

    @extend_schema(responses={200: LinkSerializer(many=True), 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """The standing links of the patient."""
        return Response(LinkSerializer(links_of(_patient(study_uid)), many=True).data)


class OneLink(APIView):
    """One link between two patient IDs."""

    permission_classes = [MayAdminister]

    @extend_schema(responses={204: None, **REFUSALS})
    def delete(self, request: Request, link_id: int) -> Response:
        """Take it back; it stays on record."""
        link = IdentityLink.objects.filter(pk=link_id, unlinked_at=None).first()
        if link is None:
            raise NotFound("There is no such link.")
        try:
            services.unlink_patients(link, by=_name(request))
        except services.CannotRecordError as error:
            raise Refused(str(error)) from error
        return Response(status=204)


def _patient(study_uid: str) -> PatientKey:
    return key_of(find_study(study_uid))


def _event(event_id: int) -> TreatmentEvent:
    event = TreatmentEvent.objects.filter(pk=event_id, removed_at=None).first()
    if event is None or not may_see_patient(event.patient):
        raise NotFound("There is no such event.")
    return event


def _name(request: Request) -> str:
    return request.user.get_username()
