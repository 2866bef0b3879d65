"""The film strip: one slice level over all visits of a patient, cut where lesion tracking laid the heads together.

The frame is the first visit of those that are laid together; where others lie is read from the stored motions, never
sought anew. Pictures are made of Orthanc's T1CE and the kept mask, all levels of a visit at once, and are kept beside
the mask for a day.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from orthanc.codes import Palette
from orthanc.errors import BadSeriesError, NotInOrthancError
from review.artefacts import ArtefactsGoneError, job_folder, read_segmentation
from review.course_facts import PatientKey, Visit
from review.film_sheets import grey_sheet, mask_sheet
from review.lesion_transforms import as_transform, known_brain
from review.longitudinal import linked_with
from review.models import Following, Result
from review.pacs import connect
from review.patients import key_of
from review.response_types import Timeline
from review.stored_images import read_t1ce
from segmentation.errors import BadGeometryError
from segmentation.visit_film import (
    SIZE_XYZ,
    HeadPlace,
    RigidMotion,
    motions_from,
    place_of_head,
    slices_at_levels,
)

log = logging.getLogger(__name__)

VERSION = "1"
"""Of the way pictures are made: with another one those of before are not taken."""
PLACE_KEPT_S = 3600


class NoFilmError(Exception):
    """A picture cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class FilmCell:
    """One result of a visit on the strip."""

    visit: Visit
    is_aligned: bool
    """Whether its head is laid onto the frame's; else it is shown as scanned, middle on middle."""


@dataclass(frozen=True, slots=True)
class Film:
    """The strip of a patient: oldest visit first."""

    cells: tuple[FilmCell, ...]
    frame: Result
    level: int
    """Where the tumour of the last visit that counts is, the lowest level being 0."""
    n_levels: int = SIZE_XYZ[2]


def film_of(course: Timeline) -> Film | None:
    """The strip of a course; None where no visit has images with a place that is known."""
    visits = [visit for visit in course.visits if visit.result_id is not None]
    found = Result.objects.select_related("study", "job").in_bulk([visit.result_id for visit in visits])
    results = [found[visit.result_id] for visit in visits if visit.result_id in found]
    edges = _edges(one.t1ce_series_uid for one in results)
    counted = {visit.result_id for visit in visits if visit.counts}
    frame = _frame(results, counted, edges)
    place = head_of(frame) if frame else None
    if frame is None or place is None:
        return None
    motions = motions_from(frame.t1ce_series_uid, edges)
    cells = tuple(
        FilmCell(one, found[one.result_id].t1ce_series_uid in motions) for one in visits if one.result_id
    )
    last = [one for one in results if one.pk in counted][-1:] or results[-1:]
    return Film(cells, frame, _level(last[0], place, motions))


def _edges(series_uids: Iterable[str]) -> list[tuple[str, str, RigidMotion]]:
    """The motions that were found between the T1CE of two visits."""
    rows = Following.objects.filter(result__t1ce_series_uid__in=set(series_uids), transform__isnull=False)
    told = rows.order_by("pk").values_list("result__t1ce_series_uid", "reference_series_uid", "transform")
    return [(one, other, RigidMotion.of(as_transform(values))) for one, other, values in told if values]


def _frame(
    results: Sequence[Result], counted: set[int | None], edges: Sequence[tuple[str, str, RigidMotion]]
) -> Result | None:
    """The oldest visit of the largest group that is laid together; the place of its head must be known."""
    best, most = None, 0
    for result in results:
        joined = motions_from(result.t1ce_series_uid, edges)
        n = 1 + 2 * sum(one.t1ce_series_uid in joined for one in results if one.pk in counted)
        if n > most and head_of(result) is not None:
            best, most = result, n
    return best


def _level(result: Result, place: HeadPlace, motions: dict[str, RigidMotion]) -> int:
    largest = max(
        result.lesions or (), key=lambda one: one["enhancing_ml"] + one["nonenhancing_core_ml"], default=None
    )
    if largest is None:
        return place.level_of(place.middle_mm)
    return place.level_of(_motion(result, place, motions).back.moved(largest["centre_mm_lps"]))


def _motion(result: Result, place: HeadPlace, motions: dict[str, RigidMotion]) -> RigidMotion:
    """Points of the frame to points of a visit; as scanned where the two could not be laid together."""
    known = motions.get(result.t1ce_series_uid)
    if known is not None:
        return known
    own = head_of(result)
    return RigidMotion.shifted(place.middle_mm, (own or place).middle_mm)


def head_of(result: Result) -> HeadPlace | None:
    """How the head lies in a result's T1CE, as its kept brain or mask tells; None where neither is left."""
    key = f"film-head-{result.pk}"
    place: HeadPlace | None = cache.get(key)
    if place is None and (place := _read_place(result)) is not None:
        cache.set(key, place, PLACE_KEPT_S)
    return place


def _read_place(result: Result) -> HeadPlace | None:
    brain = known_brain(result.job)
    if brain is not None:
        try:
            return place_of_head(brain, brain)
        except BadGeometryError:
            log.warning("result %s: the outline of its brain is empty", result.pk)
    try:
        return place_of_head(read_segmentation(job_folder(result.job_id).inferred).labels)
    except ArtefactsGoneError:
        return None


def grey_picture(patient: PatientKey, result: Result, frame: Result) -> bytes:
    """T1CE of a result at every level of the frame, as `film_sheets.grey_sheet` lays it out.

    Raises:
        NoFilmError: the images are gone, or the results are of two persons.
        OrthancUnavailableError: worth another try.
    """
    place, motion = _place_and_motion(patient, result, frame)

    def made() -> bytes:
        try:
            with connect() as pacs:
                image = read_t1ce(pacs, result.job)
        except (NotInOrthancError, BadSeriesError) as error:
            raise NoFilmError(f"T1CE of this visit cannot be read: {error}") from error
        return grey_sheet(slices_at_levels(image, place, motion))

    return _kept(result.job_id, f"{_digest(place, motion)}.jpg", made)


def mask_picture(patient: PatientKey, result: Result, frame: Result) -> bytes:
    """The mask of a result in the same places.

    Raises:
        NoFilmError: the mask was not kept, or the results are of two persons.
    """
    place, motion = _place_and_motion(patient, result, frame)

    def made() -> bytes:
        try:
            labels = read_segmentation(job_folder(result.job_id).inferred).labels
        except ArtefactsGoneError as error:
            raise NoFilmError("The mask of this visit is no longer kept.") from error
        palette = Palette(settings.SEGMENT_COLOURS)
        return mask_sheet(slices_at_levels(labels, place, motion, is_mask=True), palette)

    return _kept(result.job_id, f"{_digest(place, motion)}-{settings.SEGMENT_COLOURS}.png", made)


def _place_and_motion(patient: PatientKey, result: Result, frame: Result) -> tuple[HeadPlace, RigidMotion]:
    person = set(linked_with(patient))
    if not {key_of(result.study), key_of(frame.study)} <= person:
        raise NoFilmError("This visit is not of this patient.")
    if result.study.deleted_at is not None:
        raise NoFilmError("The images of this visit were removed from the archive.")
    place = head_of(frame)
    if place is None:
        raise NoFilmError("Where the heads lie is no longer known.")
    series = Result.objects.filter(study__patient_id__in={one.patient_id for one in person if one.patient_id})
    edges = _edges([result.t1ce_series_uid, *series.values_list("t1ce_series_uid", flat=True)])
    return place, _motion(result, place, motions_from(frame.t1ce_series_uid, edges))


def _digest(place: HeadPlace, motion: RigidMotion) -> str:
    told = repr((VERSION, place, motion.turn.tolist(), motion.shift_mm.tolist()))
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def _kept(job_id: uuid.UUID, name: str, make: Callable[[], bytes]) -> bytes:
    """A picture out of the job's folder, or made now and put there; a job whose files are removed gets none anew."""
    folder = job_folder(job_id)
    try:
        return (folder.film / name).read_bytes()
    except OSError:
        picture = make()
    if folder.path.is_dir():
        scratch = folder.film / f".{uuid.uuid4().hex}"
        try:
            folder.film.mkdir(exist_ok=True)
            scratch.write_bytes(picture)
            scratch.rename(folder.film / name)
        except OSError as error:  # a full disk is told of elsewhere, and hides no picture
            log.warning("job %s: a picture of its film cannot be kept (%s)", job_id, type(error).__name__)
    return picture
