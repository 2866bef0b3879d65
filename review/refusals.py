"""What views of the API have in common that read for some and write for others, and refuse with a reason."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.response import Response
from rest_framework.views import APIView

from review.roles import MayRead
from review.serializers import ErrorSerializer

REFUSALS = {404: ErrorSerializer, 409: ErrorSerializer}


class Refused(APIException):
    """What was asked cannot be done as things stand; the text says why."""

    status_code = 409


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
