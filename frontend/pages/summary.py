"""The one-page summary of a patient: as a file, and stored with the images."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from frontend.pages.patient import find_patient
from frontend.permissions import readers_only, workers_only
from orthanc.errors import NotInOrthancError, OrthancUnavailableError
from review.audit import record
from review.longitudinal import key_of
from review.models import AuditAction
from review.summaries import NoSummaryError, keep_summary, summary_of

REFUSED = (NoSummaryError, NotInOrthancError, OrthancUnavailableError)


@readers_only
def as_pdf(request: HttpRequest, key: int) -> HttpResponse:
    """The page as it stands now."""
    study = find_patient(key)
    try:
        pdf = summary_of(key_of(study))
    except REFUSED as error:
        messages.warning(request, str(error))
        return redirect("patient", key)
    record(AuditAction.EXPORTED, request.user.get_username(), study=study, what="summary of the course")
    answer = HttpResponse(pdf, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="patient-{key}-summary.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


@workers_only
@require_POST
def keep(request: HttpRequest, key: int) -> HttpResponse:
    """Store it in Orthanc with the last visit."""
    study = find_patient(key)
    try:
        keep_summary(key_of(study), by=request.user.get_username())
    except REFUSED as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, "The summary is stored with the images of the last visit.")
    return redirect("patient", key)
