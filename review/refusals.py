"""What views of the API have in common that read for some and write for others, and refuse with a reason."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from review.models import Study
from review.roles import MayRead
from review.serializers import ErrorSerializer

REFUSALS = {404: ErrorSerializer, 409: ErrorSerializer}


class Refused(APIException):
    """What was asked cannot be done as things stand; the text says why."""

    status_code = 409


def find_study(study_uid: str, among: QuerySet[Study] | None = None) -> Study:
    """The study with this UID, or a 404 that says so; `among` says what comes with it.

    Raises:
        NotFound: no such study has come in.
    """
    study = (Study.objects.all() if among is None else among).filter(study_uid=study_uid).first()
    if study is None:
        raise NotFound("No study with this UID has come in.")
    return study


class ReadOrWrite(APIView):
    """Every role reads; `writers` says who writes, `refusal` which error of a service is a 409 with its reason."""

    writers: ClassVar[type[BasePermission]]
    refusal: ClassVar[type[Exception]]

    def get_permissions(self) -> list[BasePermission]:
        """Whom the method is for."""
        return [MayRead() if self.request.method in SAFE_METHODS else self.writers()]

    def handle_exception(self, exc: Exception) -> Response:
        """Say why, where the service refused."""
        return super().handle_exception(Refused(str(exc)) if isinstance(exc, self.refusal) else exc)
