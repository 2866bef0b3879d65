"""The API of verdicts: flag, undo, second opinion, accept."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from review import services_of_review as services
from review.models import Correction, Flag, Result, Study
from review.refusals import REFUSALS, ReadOrWrite
from review.roles import MayReview
from review.serializers import ErrorSerializer
from review.serializers_of_review import (
    AcceptanceSerializer,
    CorrectionSerializer,
    FlagSerializer,
    NewFlagSerializer,
    OpinionSerializer,
)
from review.services_of_corrections import corrections_of, undo_correction
from review.site_access import permitted


class Verdicts(ReadOrWrite):
    """Readers see verdicts; reviewers give them."""

    writers = MayReview
    refusal = services.CannotReviewError


class Flags(Verdicts):
    """The flags of a result."""

    @extend_schema(responses={200: FlagSerializer(many=True), 404: ErrorSerializer})
    def get(self, request: Request, result_id: int) -> Response:
        """All flags with their opinions, also those taken back, oldest first."""
        result = _result(result_id)
        return Response(FlagSerializer(result.flags.prefetch_related("opinions"), many=True).data)

    @extend_schema(request=NewFlagSerializer, responses={201: FlagSerializer, **REFUSALS})
    def post(self, request: Request, result_id: int) -> Response:
        """Flag the mask, or one compartment of it, as poor: its numbers no longer count anywhere."""
        asked = NewFlagSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        flag = services.flag_as_poor(_result(result_id), by=_name(request), **asked.validated_data)
        return Response(FlagSerializer(flag).data, status=201)


class FlagUndo(Verdicts):
    """Taking a flag back."""

    @extend_schema(request=None, responses={200: FlagSerializer, **REFUSALS})
    def post(self, request: Request, flag_id: int) -> Response:
        """The numbers count again; the flag stays as history."""
        flag = _flag(flag_id)
        services.undo_flag(flag, by=_name(request))
        return Response(FlagSerializer(flag).data)


class FlagOpinions(Verdicts):
    """Second readers on a flag."""

    @extend_schema(request=OpinionSerializer, responses={201: OpinionSerializer, **REFUSALS})
    def post(self, request: Request, flag_id: int) -> Response:
        """Agree or disagree; whoever disagrees may undo the flag, which is another step."""
        asked = OpinionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        opinion = services.give_opinion(_flag(flag_id), by=_name(request), **asked.validated_data)
        return Response(OpinionSerializer(opinion).data, status=201)


class AcceptanceOfResult(Verdicts):
    """A reader's "reviewed by"."""

    @extend_schema(request=None, responses={201: AcceptanceSerializer, **REFUSALS})
    def post(self, request: Request, result_id: int) -> Response:
        """Accept the result."""
        acceptance = services.accept(_result(result_id), by=_name(request))
        return Response(AcceptanceSerializer(acceptance).data, status=201)

    @extend_schema(responses={204: None, **REFUSALS})
    def delete(self, request: Request, result_id: int) -> Response:
        """Take one's own acceptance back."""
        services.withdraw_acceptance(_result(result_id), by=_name(request))
        return Response(status=204)


class Corrections(Verdicts):
    """The masks of a study that readers edited."""

    @extend_schema(responses={200: CorrectionSerializer(many=True), 404: ErrorSerializer})
    def get(self, request: Request, study_uid: str) -> Response:
        """All of them, also those taken back, oldest first. A new one is stored by STOW-RS at its result."""
        study = Study.objects.filter(study_uid=study_uid).first()
        if study is None:
            raise NotFound("No such study has come in.")
        return Response(CorrectionSerializer(corrections_of(study), many=True).data)


class CorrectionUndo(Verdicts):
    """Taking an edited mask back."""

    @extend_schema(request=None, responses={200: CorrectionSerializer, **REFUSALS})
    def post(self, request: Request, correction_id: int) -> Response:
        """What it corrected speaks for the study again; the correction stays as history."""
        rows = permitted(Correction.objects.select_related("result__study", "job"), "result__study")
        found = rows.filter(pk=correction_id).first()
        if found is None:
            raise NotFound("There is no such correction.")
        undo_correction(found, by=_name(request))
        return Response(CorrectionSerializer(found).data)


def _result(result_id: int) -> Result:
    found = permitted(Result.objects.all(), "study").filter(pk=result_id).first()
    if found is None:
        raise NotFound("There is no such result.")
    return found


def _flag(flag_id: int) -> Flag:
    rows = permitted(Flag.objects.select_related("result"), "result__study")
    found = rows.filter(pk=flag_id).first()
    if found is None:
        raise NotFound("There is no such flag.")
    return found


def _name(request: Request) -> str:
    return request.user.get_username()
