"""One patient: every visit on one curve with the treatment, the same numbers as a table, and both as files."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from frontend.csv_files import csv_answer, harmless
from frontend.curve import REGIONS, STATE_WORDS, curve_data, marks_of
from frontend.formatting import millilitres
from frontend.lesion_curves import lesion_rows
from frontend.pages.fragments import answer_poll, render_fragment
from frontend.permissions import readers_only
from frontend.treatment import HISTOLOGY_WORDS, IDH_WORDS, KIND_WORDS, STATUS_WORDS, event_words
from orthanc.types import MeasuredRegion
from review.audit import record, record_view
from review.changes import ChangeSinceNadir, changes_since_nadir
from review.course_facts import Setting, Visit
from review.longitudinal import events_ever_of, reading_of, timeline_of
from review.models import AuditAction, Study
from review.patients import key_of
from review.response_profiles import PROFILES
from review.response_types import Assessment, Measure, Timeline
from review.services_of_course import ALLOWED

NO_CURVE: dict[str, object] = {
    "visits": [], "treatment": [], "lesions": [], "caution": [], "origins": {},
}  # fmt: skip
SETTING_WORDS = {Setting.NEWLY_DIAGNOSED: "newly diagnosed", Setting.RECURRENT: "recurrent"}


@readers_only
def page(request: HttpRequest, key: int) -> HttpResponse:
    """The whole page; its live part asks `live` every few seconds."""
    study = find_patient(key)
    record_view(request.user.get_username(), study)
    html, digest = _live_part(request, study)
    context = {"patient": study, "live": html, "digest": digest, "form": event_form()}
    return render(request, "frontend/patient.html", context)


@readers_only
def live(request: HttpRequest, key: int) -> HttpResponse:
    """Tables and data of the curve alone, or 204 where nothing changed."""
    html, digest = _live_part(request, find_patient(key))
    return answer_poll(request, html, digest)


def find_patient(key: int) -> Study:
    """A study of the patient, or a 404 page."""
    try:
        return Study.objects.get(pk=key)
    except Study.DoesNotExist as error:
        raise Http404("No such patient has come in.") from error


def event_form() -> dict[str, object]:
    """What the form for a treatment event offers: kinds, and for each value the kinds that may carry it."""
    fields = {name: " ".join(kinds) for name, kinds in ALLOWED.items()}
    return {
        "kinds": KIND_WORDS,
        "status": STATUS_WORDS,
        "histology": HISTOLOGY_WORDS,
        "idh": IDH_WORDS,
        "fields": fields,
        "settings": SETTING_WORDS,
        "profiles": PROFILES,
    }


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit as the table shows it, with what the rules make of it."""

    visit: Visit
    marks: list[str]
    answer: Assessment | None
    by_diameters: Assessment | None
    change: ChangeSinceNadir | None


def visit_rows(course: Timeline) -> list[VisitRow]:
    """The visits of a course, oldest first."""
    changes, marks = changes_since_nadir(course), marks_of(course)
    rows = []
    for visit in course.visits:
        uid = visit.study_uid
        told = visit.counts
        rows.append(
            VisitRow(
                visit,
                marks.get(uid, []) if told else [],
                course.assessment_of(uid) if told else None,
                course.assessment_of(uid, Measure.BIDIRECTIONAL) if told else None,
                changes.get(uid) if told else None,
            )
        )
    return rows


def _course_of(study: Study) -> Timeline | None:
    """The course of the patient of a study; None where no study belongs to one."""
    try:
        return timeline_of(key_of(study))
    except Study.DoesNotExist:
        return None


def _live_part(request: HttpRequest, study: Study) -> tuple[str, str]:
    course = _course_of(study)
    context = {
        "patient": study,
        "course": course,
        "rows": visit_rows(course) if course else [],
        "lesion_rows": lesion_rows(course) if course else [],
        "regions": REGIONS,
        "curve": curve_data(course) if course else NO_CURVE,
        "state_words": STATE_WORDS,
        "setting_words": SETTING_WORDS,
        **(_events_and_reading(course) if course else {}),
    }
    return render_fragment("frontend/parts/patient_live.html", context, request)


def _events_and_reading(course: Timeline) -> dict[str, object]:
    """What people entered, with who did, and what was taken back."""
    rows = events_ever_of(course.patients)
    told = [{"row": row, "words": event_words(row.as_event())} for row in rows]
    return {
        "events": [one for one, row in zip(told, rows, strict=True) if row.removed_at is None],
        "removed": [one for one, row in zip(told, rows, strict=True) if row.removed_at is not None],
        "reading": reading_of(course.patients),
    }


@readers_only
def as_csv(request: HttpRequest, key: int) -> HttpResponse:
    """Every point with its stored volumes, intervals and suggested response, one row per result."""
    study = find_patient(key)
    record(AuditAction.EXPORTED, request.user.get_username(), study=study, what="volumes of all visits")
    course = _course_of(study)
    rows = visit_rows(course) if course else []
    table = ([*_visit_cells(row.visit), *_volume_cells(row.visit), *_response_cells(row)] for row in rows)
    return csv_answer(f"patient-{key}-volumes.csv", CSV_HEAD, table)


CSV_HEAD = (
    *("study_date", "study_uid", "patient_id", "state", "why", "model", "model_version"),
    *(
        f"{region.value}_{what}"
        for region in MeasuredRegion
        for what in ("ml", "low_ml", "high_ml", "counts")
    ),
    *(
        "marks",
        "suggested_response",
        "preliminary",
        "since_nadir_ml",
        "since_nadir_low_ml",
        "since_nadir_high_ml",
    ),
    *("ratio_to_nadir", "ratio_to_nadir_low", "ratio_to_nadir_high", "probability_of_noise"),
)


def _visit_cells(visit: Visit) -> list[str]:
    return [
        visit.on.isoformat() if visit.on else "",
        visit.study_uid,
        harmless(visit.patient.patient_id) if visit.patient else "",
        STATE_WORDS[visit.state],
        harmless(visit.why),
        visit.model.name if visit.model else "",
        visit.model.version if visit.model else "",
    ]


def _volume_cells(visit: Visit) -> list[str]:
    volumes = {**visit.struck, **visit.volumes}
    cells = []
    for region in MeasuredRegion:
        volume = volumes.get(region)
        if volume is None:
            cells += ["", "", "", ""]
            continue
        numbers = (volume.ml, volume.low_ml, volume.high_ml)
        counts = visit.counts and region not in visit.struck
        cells += [*(millilitres(one) for one in numbers), "yes" if counts else "no"]
    return cells


def _response_cells(row: VisitRow) -> list[str]:
    answer, change = row.answer, row.change.volume if row.change else None
    if answer is None:
        return [""] * 10
    amounts = (change.difference_ml, change.low_ml, change.high_ml) if change else (None, None, None)
    ratios = (change.ratio, change.low_ratio, change.high_ratio) if change else (None, None, None)
    return [
        ", ".join(row.marks),
        answer.category.value,
        "yes" if answer.is_preliminary else "no",
        *(f"{one:.2f}" if one is not None else "" for one in amounts),
        *(f"{one:.3f}" if one is not None else "" for one in (*ratios, answer.probability_of_noise)),
    ]
