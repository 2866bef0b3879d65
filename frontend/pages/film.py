"""The film strip: one slice level over all visits of a patient; the browser chooses the level."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from frontend.curve import STATE_WORDS
from frontend.pages.patient import find_patient
from frontend.permissions import readers_only
from orthanc.errors import OrthancUnavailableError
from review.audit import record_view
from review.course_facts import PatientKey
from review.film import NoFilmError, film_of, grey_picture, mask_picture
from review.film_sheets import COLUMNS, ROWS
from review.longitudinal import timeline_of
from review.models import Result, Study
from review.patients import key_of
from segmentation.visit_film import STEP_MM

# A result and its frame never change under their numbers; a mask may be kept no longer, a link be undone.
PICTURE_CACHE = "private, max-age=3600"
KEYS = (
    ("↑ ↓", "One level up, one level down"),
    ("← →", "The visit before, the next visit"),
    ("Enter", "Open the images of the visit"),
    ("O", "Overlay on and off"),
)


@readers_only
def page(request: HttpRequest, key: int) -> HttpResponse:
    """The strip, with a slider for the level; pictures are asked for one by one."""
    study = find_patient(key)
    record_view(request.user.get_username(), study)
    try:
        course = timeline_of(key_of(study))
    except Study.DoesNotExist:
        course = None
    context = {
        "patient": study,
        "film": film_of(course) if course else None,
        "columns": COLUMNS,
        "rows": ROWS,
        "step_mm": STEP_MM,
        "state_words": STATE_WORDS,
        "keys": KEYS,
    }
    return render(request, "frontend/film.html", context)


@readers_only
def grey(request: HttpRequest, key: int, frame_id: int, result_id: int) -> HttpResponse:
    """T1CE of one result at every level, as one picture."""
    return _picture(request, key, frame_id, result_id, grey_picture, "image/jpeg")


@readers_only
def mask(request: HttpRequest, key: int, frame_id: int, result_id: int) -> HttpResponse:
    """Its mask in the same places, see-through elsewhere."""
    return _picture(request, key, frame_id, result_id, mask_picture, "image/png")


def _picture(
    request: HttpRequest,
    key: int,
    frame_id: int,
    result_id: int,
    make: Callable[[PatientKey, Result, Result], bytes],
    content_type: str,
) -> HttpResponse:
    patient = key_of(find_patient(key))
    rows = Result.objects.select_related("study", "job")
    result, frame = (get_object_or_404(rows, pk=one) for one in (result_id, frame_id))
    try:
        picture = make(patient, result, frame)
    except NoFilmError as error:
        return _refusal(404, str(error))
    except OrthancUnavailableError:
        return _refusal(503, "Orthanc does not answer at the moment.")
    record_view(request.user.get_username(), result.study)
    answer = HttpResponse(picture, content_type=content_type)
    answer["Cache-Control"] = PICTURE_CACHE
    return answer


def _refusal(status: int, words: str) -> HttpResponse:
    answer = HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return answer
