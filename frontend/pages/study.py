"""One study: its series and what became of them, its stages, its results, its problems."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from frontend.pages.fragments import answer_poll
from frontend.pages.report import report_context
from frontend.permissions import readers_only, workers_only
from orthanc.errors import OrthancError
from review import pacs, selectors, services
from review.audit import record_view
from review.models import Correction, Delivery, Flag, Study
from review.page_version import version_of
from review.services_of_corrections import corrections_of
from review.site_access import permitted

NOT_HERE = "No such study has come in."


def find_study(study_uid: str) -> Study:
    """The study with everything that belongs to it, or a 404 page."""
    try:
        return selectors.study_detail(study_uid)
    except Study.DoesNotExist as error:
        raise Http404(NOT_HERE) from error


@readers_only
def page(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The whole page; its live part asks `live` every two seconds."""
    study = find_study(study_uid)
    record_view(request.user.get_username(), study)
    version = version_of(study_uid, request.user.get_username())
    html = _live_part(request, study)
    context = {"study": study, "live": html, "digest": version, "flag_reasons": Flag.Reason.choices}
    return render(request, "frontend/study.html", context)


@readers_only
def live(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The live part alone, or 204 where nothing changed."""
    version = version_of(study_uid, request.user.get_username())
    if request.GET.get("seen") == version:
        return answer_poll(request, "", version)
    return answer_poll(request, _live_part(request, find_study(study_uid)), version)


def _live_part(request: HttpRequest, study: Study) -> str:
    context = {
        "study": study,
        **report_context(study),
        **correction_context(study),
        "other_models": selectors.other_models(study.current_result),
        "job": study.current_job,
        "result": study.current_result,
        "volumes": list(study.current_result.volumes.values()) if study.current_result else [],
        "earlier": [one for one in study.results.all() if one.superseded_by_id is not None],
        "compartments": ("WT", "TC", "ET"),
        "visits": selectors.studies_of_patient(study),
    }
    return render_to_string("frontend/parts/study_live.html", context, request)


def correction_context(study: Study) -> dict[str, list[Correction]]:
    """What the part with edited masks shows."""
    known = corrections_of(study)
    return {"corrections": known, "undone_corrections": [one for one in known if not one.stands]}


@workers_only
@require_POST
def retry(request: HttpRequest, study_uid: str) -> HttpResponse:
    """Try the study again, and say on the page that asked what came of it."""
    study = find_study(study_uid)
    try:
        with pacs.connect() as orthanc:
            services.retry_study(orthanc, study, by=request.user.get_username())
        messages.success(request, "The study is tried again.")
    except (services.NothingToRetryError, OrthancError) as error:
        messages.warning(request, str(error))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("study", study_uid)


@workers_only
@require_POST
def send_again(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Let a delivery that was given up start over."""
    rows = permitted(Delivery.objects.select_related("item__result__study"), "item__result__study")
    delivery = get_object_or_404(rows, pk=delivery_id)
    if delivery.send_again():
        messages.success(request, f"The {delivery.item.kind} is sent to {delivery.destination} again.")
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("study", delivery.item.result.study.study_uid)
