"""The API of verdicts: flag, undo, second opinion, accept."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from review import services_of_review as services
from review.models import Flag, Result
from review.refusals import REFUSALS, ReadOrWrite
from review.roles import MayReview
from review.serializers import ErrorSerializer
from review.serializers_of_review import (
    AcceptanceSerializer,
    FlagSerializer,
    NewFlagSerializer,
    OpinionSerializer,
)


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


def _result(result_id: int) -> Result:
    found = Result.objects.filter(pk=result_id).first()
    if found is None:
        raise NotFound("There is no such result.")
    return found


def _flag(flag_id: int) -> Flag:
    found = Flag.objects.select_related("result").filter(pk=flag_id).first()
    if found is None:
        raise NotFound("There is no such flag.")
    return found


def _name(request: Request) -> str:
    return request.user.get_username()
