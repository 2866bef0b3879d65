"""What stands beside the images: the panel that OHIF shows in a frame, and what the viewer needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse

from frontend.formatting import IntervalBar, interval_bar
from frontend.pages.fragments import answer_poll
from frontend.pages.report import report_context
from frontend.pages.study import correction_context, find_study
from frontend.pages.worklist import Query
from frontend.permissions import readers_only
from orthanc.codes import SEGMENTS
from orthanc.types import MeasuredRegion, Role
from review import selectors
from review.audit import record_view
from review.models import Flag, Measurement, Study
from review.page_version import version_of
from review.roles import can_review
from review.uncertainty_maps import has_map
from review.worklist import neighbours

NUMBER_OF = {kind.region: kind.number for kind in SEGMENTS}
CORE = (NUMBER_OF[MeasuredRegion.NONENHANCING_CORE], NUMBER_OF[MeasuredRegion.ENHANCING_TUMOUR])
SEGMENTS_OF: dict[str, tuple[int, ...]] = {
    MeasuredRegion.WHOLE_TUMOUR.value: tuple(NUMBER_OF.values()),
    MeasuredRegion.TUMOUR_CORE.value: CORE,
    **{region.value: (number,) for region, number in NUMBER_OF.items()},
}
"""The numbers of the segments in our SEG that make up each region."""


KEYS = (
    ("J", "Jump to where the tumour is largest"),
    ("Q", "Show one region alone, then the next, then all"),
    ("O", "Overlay on and off"),
    ("F", "Fill, outline, both"),
    ("G", "Next layout"),
    ("S", "Picture of the images to the clipboard"),
    ("P", "Previous study of the worklist"),
    ("X", "Next study of the worklist"),
    ("?", "These keys"),
    ("Z", "Zoom, a key of the viewer"),
    ("R L H V I", "Turn, mirror and invert, keys of the viewer"),
)


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """A region in the panel: its volume, where its interval lies, and which segments show it."""

    compartment: str
    volume: Measurement
    bar: IntervalBar
    segments: str
    is_stored_segment: bool


@readers_only
def viewer(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The stable address of a study's images, wherever the viewer lives."""
    asked = {"StudyInstanceUIDs": study_uid}
    if "list" in request.GET:
        # The worklist that it was opened from: the panel steps through that one.
        asked["list"] = request.GET["list"]
    return redirect(f"{reverse('ohif', args=['viewer'])}?{urlencode(asked)}")


@readers_only
def roles(request: HttpRequest, study_uid: str) -> JsonResponse:
    """Which series hangs in which pane, and which SEG is the current result."""
    study = find_study(study_uid)
    result = study.current_result
    answer = JsonResponse(
        {
            "study_uid": study.study_uid,
            "state": study.state,
            "roles": series_roles(study),
            "seg_series_uid": result.seg_series_uid if result else "",
            "seg_sop_uid": result.seg_sop_uid if result else "",
            "may_correct": result is not None and can_review(request.user),
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


def series_roles(study: Study) -> dict[str, str]:
    """Series UID to role: the series that the model used; for a role that none fills, the likeliest series."""
    likeliest = sorted(study.series.all(), key=lambda one: (one.is_chosen, one.role_confidence), reverse=True)
    taken: dict[str, str] = {}
    for series in likeliest:
        if series.role != Role.NONE and not series.is_ours:
            taken.setdefault(series.role, series.series_uid)
    return {series_uid: role for role, series_uid in taken.items()}


@readers_only
def page(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The panel; its live part asks `live` every two seconds."""
    study = find_study(study_uid)
    record_view(request.user.get_username(), study)
    version = version_of(study_uid, request.user.get_username())
    context = {
        "study": study,
        "live": _live_part(request, study),
        "digest": version,
        "flag_reasons": Flag.Reason.choices,
        "list": request.GET.get("list", ""),
        "keys": KEYS,
    }
    return render(request, "frontend/panel.html", context)


@readers_only
def live(request: HttpRequest, study_uid: str) -> HttpResponse:
    """The live part alone, or 204 where nothing changed."""
    version = version_of(study_uid, request.user.get_username())
    if request.GET.get("seen") == version:
        return answer_poll(request, "", version)
    return answer_poll(request, _live_part(request, find_study(study_uid)), version)


def _live_part(request: HttpRequest, study: Study) -> str:
    result = study.current_result
    visits = list(selectors.studies_of_patient(study))
    listed = request.GET.get("list", "")
    newer, older = neighbours(study, Query.read(QueryDict(listed)).filter(request.user.get_username()))
    context = {
        "study": study,
        **report_context(study),
        **correction_context(study),
        "other_models": selectors.other_models(study.current_result),
        "result": result,
        "has_map": result is not None and has_map(result),
        "job": result.job if result else study.current_job,
        "rows": volume_rows(list(result.volumes.values())) if result else [],
        "chosen": [series for series in study.series.all() if series.is_chosen],
        "list": listed,
        "newer": newer,
        "older": older,
        "visits": visits if len(visits) > 1 else [],
    }
    return render_to_string("frontend/parts/panel_live.html", context, request)


def volume_rows(volumes: list[Measurement]) -> list[VolumeRow]:
    """The rows of the panel, all bars on the scale of the largest upper bound."""
    largest = max((volume.high_ml for volume in volumes), default=Decimal(0))
    return [
        VolumeRow(
            volume.compartment,
            volume,
            interval_bar(volume, largest),
            ",".join(str(number) for number in SEGMENTS_OF[volume.compartment]),
            len(SEGMENTS_OF[volume.compartment]) == 1,
        )
        for volume in volumes
    ]
