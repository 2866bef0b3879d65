"""One patient: every visit on one curve, the same numbers as a table, and both as files."""

from __future__ import annotations

import csv

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.curve import REGIONS, STATE_WORDS, curve_data
from frontend.formatting import millilitres
from frontend.pages.fragments import answer_poll, render_fragment
from frontend.permissions import readers_only
from orthanc.types import MeasuredRegion
from review.audit import record, record_view
from review.longitudinal import key_of, timeline_of
from review.models import AuditAction, Study
from review.patients import Point, points_of


@readers_only
def page(request: HttpRequest, key: int) -> HttpResponse:
    """The whole page; its live part asks `live` every few seconds."""
    study = find_patient(key)
    record_view(request.user.get_username(), study)
    html, digest = _live_part(request, study)
    return render(request, "frontend/patient.html", {"patient": study, "live": html, "digest": digest})


@readers_only
def live(request: HttpRequest, key: int) -> HttpResponse:
    """Table and data of the curve alone, or 204 where nothing changed."""
    html, digest = _live_part(request, find_patient(key))
    return answer_poll(request, html, digest)


def find_patient(key: int) -> Study:
    """A study of the patient, or a 404 page."""
    try:
        return Study.objects.get(pk=key)
    except Study.DoesNotExist as error:
        raise Http404("No such patient has come in.") from error


def _live_part(request: HttpRequest, study: Study) -> tuple[str, str]:
    points = points_of(study)
    context = {
        "patient": study,
        "points": points,
        "regions": REGIONS,
        "curve": curve_data(points),
        "state_words": STATE_WORDS,
        "course": timeline_of(key_of(study)) if points else None,
    }
    return render_fragment("frontend/parts/patient_live.html", context, request)


@readers_only
def as_csv(request: HttpRequest, key: int) -> HttpResponse:
    """Every point with its stored volumes and intervals, one row per result, for a spreadsheet."""
    study = find_patient(key)
    record(AuditAction.EXPORTED, request.user.get_username(), study=study, what="volumes of all visits")
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="patient-{key}-volumes.csv"'
    answer["Cache-Control"] = "no-store"
    writer = csv.writer(answer)
    columns = [
        f"{region.value}_{what}"
        for region in MeasuredRegion
        for what in ("ml", "low_ml", "high_ml", "counts")
    ]
    writer.writerow(["study_date", "study_uid", "state", "why", "model", "model_version", *columns])
    for point in points_of(study):
        writer.writerow(_csv_row(point))
    return answer


def _csv_row(point: Point) -> list[str]:
    row = [
        point.study.study_date.isoformat() if point.study.study_date else "",
        point.study.study_uid,
        STATE_WORDS[point.state],
        point.why,
        point.result.model_name if point.result else "",
        point.result.model_version if point.result else "",
    ]
    volumes = point.result.volumes if point.result else {}
    for region in MeasuredRegion:
        volume = volumes.get(region.value)
        if volume is None or point.result is None:
            row += ["", "", "", ""]
            continue
        counts = point.counts and region.value not in point.result.struck
        numbers = (volume.ml, volume.low_ml, volume.high_ml)
        row += [*(millilitres(one) for one in numbers), "yes" if counts else "no"]
    return row
