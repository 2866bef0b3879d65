"""Two visits of a patient beside each other: asked for, prepared by a worker, then opened in the viewer."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from frontend.pages.study import find_study
from frontend.permissions import readers_only, workers_only
from orthanc.difference_seg import DIFFERENCE_SEGMENTS
from orthanc.types import MeasuredRegion
from review.audit import record_view
from review.comparisons import (
    CannotCompareError,
    ask_for_comparison,
    comparison_of,
    in_order,
    remove_comparison,
)
from review.course_changes import change_since, prior_visit, visit_of
from review.longitudinal import key_of, timeline_of
from review.models import Comparison, Study
from segmentation.change import VolumeChange
from segmentation.types import VolumeEstimate

PROTOCOL = "glioma.compare"
PROTOCOL_AS_SCANNED = "glioma.compare-as-scanned"


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A region at both visits, and its change with its interval."""

    region: str
    earlier: VolumeEstimate
    later: VolumeEstimate
    change: VolumeChange


@readers_only
def choose(request: HttpRequest) -> HttpResponse:
    """The comparison of the visits `one` and `other`; without the other, of `one` with the visit before it."""
    one = find_study(request.GET.get("one", ""))
    other_uid = request.GET.get("other", "")
    if not other_uid:
        prior = prior_visit(timeline_of(key_of(one)), one.study_uid)
        other_uid = prior.study_uid if prior else ""
    if not other_uid or other_uid == one.study_uid:
        messages.warning(request, "Two visits are needed to compare.")
        return redirect("patient", one.pk)
    return redirect("compare", one.study_uid, other_uid)


@readers_only
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, study_uid: str, prior_uid: str) -> HttpResponse:
    """The viewer where the comparison is ready; else its state, and a button that lets it be prepared."""
    later, earlier = _visits(study_uid, prior_uid)
    refusal = ""
    if request.method == "POST":
        try:
            ask_for_comparison(later, earlier, by=request.user.get_username())
            return redirect("compare", later.study_uid, earlier.study_uid)
        except CannotCompareError as error:
            refusal = str(error)
    comparison = comparison_of(later, earlier)
    if comparison is not None and comparison.state == Comparison.State.READY:
        record_view(request.user.get_username(), later)
        return redirect(_address(later, earlier, as_scanned="as-scanned" in request.GET))
    context = {"later": later, "earlier": earlier, "comparison": comparison, "refusal": refusal}
    return render(request, "frontend/compare.html", context, status=409 if refusal else 200)


@workers_only
@require_POST
def remove(request: HttpRequest, study_uid: str, prior_uid: str) -> HttpResponse:
    """Take the derived images away again; the page then says when they are gone."""
    later, earlier = _visits(study_uid, prior_uid)
    comparison = comparison_of(later, earlier)
    if comparison is None:
        messages.warning(request, "There is no comparison of these visits.")
    else:
        remove_comparison(comparison, by=request.user.get_username())
    return redirect("compare", later.study_uid, earlier.study_uid)


@readers_only
def parts(request: HttpRequest, study_uid: str, prior_uid: str) -> JsonResponse:
    """Which derived series hangs in which pane."""
    comparison = comparison_of(*_visits(study_uid, prior_uid))
    ready = comparison is not None and comparison.state == Comparison.State.READY
    answer = JsonResponse(
        {uid: part for part, uid in comparison.series.items()} if ready and comparison else {}
    )
    answer["Cache-Control"] = "no-store"
    return answer


@readers_only
def panel(request: HttpRequest, study_uid: str, prior_uid: str) -> HttpResponse:
    """What stands beside the images: both volumes, the change with its interval, what the colours mean."""
    later, earlier = _visits(study_uid, prior_uid)
    context = {
        "later": later,
        "earlier": earlier,
        "comparison": comparison_of(later, earlier),
        "rows": _rows(later, earlier),
        "segments": DIFFERENCE_SEGMENTS,
        "as_scanned": "as-scanned" in request.GET,
    }
    return render(request, "frontend/compare_panel.html", context)


def _visits(study_uid: str, prior_uid: str) -> tuple[Study, Study]:
    try:
        return in_order(find_study(study_uid), find_study(prior_uid))
    except CannotCompareError as error:
        raise Http404(str(error)) from error


def _address(later: Study, earlier: Study, *, as_scanned: bool) -> str:
    asked = {
        "StudyInstanceUIDs": later.study_uid,
        "hangingProtocolId": PROTOCOL_AS_SCANNED if as_scanned else PROTOCOL,
        "prior": earlier.study_uid,
    }
    return f"{reverse('ohif', args=['viewer'])}?{urlencode(asked)}"


def _rows(later: Study, earlier: Study) -> list[ComparedRow]:
    course = timeline_of(key_of(later))
    before, now = visit_of(course, earlier.study_uid), visit_of(course, later.study_uid)
    if before is None or now is None:
        return []
    change = change_since(before, now)
    return [
        ComparedRow(region.value, before.volumes[region], now.volumes[region], change.volumes[region])
        for region in MeasuredRegion
        if region in change.volumes
    ]
