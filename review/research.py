"""The courses of many patients as one table for research: pseudonyms, moved dates, figures, and no free text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from orthanc.types import MeasuredRegion
from review.course_facts import Event, EventKind, Visit
from review.pseudonyms import age_said, pseudonym_of
from review.response_types import Assessment, Timeline

DAYS_SINCE = (
    EventKind.DIAGNOSIS, EventKind.SURGERY, EventKind.RADIOTHERAPY_END, EventKind.CHEMOTHERAPY,
    EventKind.BEVACIZUMAB_START, EventKind.NEW_THERAPY,
)  # fmt: skip

SEXES = ("M", "F", "O")
"""The words of DICOM; anything else that came in this field is free text."""

RESEARCH_HEAD = (
    *("pseudonym", "sex", "age_years", "date_moved", "days_since_first_visit", "idh", "setting", "profile"),
    *(f"days_since_{kind.value}" for kind in DAYS_SINCE),
    *("steroid_mg", "clinical_status", "phase", "model", "model_version"),
    *(f"{region.value}_{what}" for region in MeasuredRegion for what in ("ml", "low_ml", "high_ml")),
    *("suggested_response", "preliminary", "by_diameters", "ratio_to_baseline", "ratio_to_nadir"),
    "probability_of_noise",
)


def research_rows(timelines: Iterable[Timeline]) -> Iterator[tuple[str, ...]]:
    """One row per visit that counts, below `RESEARCH_HEAD`, by pseudonym: the order tells nothing either."""
    persons = sorted(((pseudonym_of(one.patients), one) for one in timelines), key=lambda pair: pair[0].name)
    for person, course in persons:
        days = [visit.on for visit in course.counted if visit.on]
        for visit, by_volume, by_diameters in zip(
            course.counted, course.volumetric, course.bidirectional, strict=True
        ):
            on = by_volume.on
            yield (
                person.name,
                course.sex if course.sex in SEXES else "",
                _text(age_said(course.birth_date, on)),
                person.moved(on).isoformat(),
                str((on - days[0]).days),
                course.facts.idh.value,
                course.facts.setting.value,
                course.profile.name,
                *_treatment(course.events, on),
                *_measured(visit),
                *_suggested(by_volume, by_diameters),
            )


def _treatment(events: Sequence[Event], on: date) -> Iterator[str]:
    """Days since the last of each kind up to this day, then the dose and the status that hold."""
    past = [event for event in events if event.on <= on]
    for kind in DAYS_SINCE:
        last = max((event.on for event in past if event.kind == kind), default=None)
        yield _text((on - last).days if last else None)
    yield _text(next((e.dose_mg for e in reversed(past) if e.kind == EventKind.STEROID_DOSE), None))
    yield next((e.status.value for e in reversed(past) if e.status), "")


def _measured(visit: Visit) -> Iterator[str]:
    yield visit.phase
    yield visit.model.name if visit.model else ""
    yield visit.model.version if visit.model else ""
    for region in MeasuredRegion:
        volume = visit.volumes.get(region)
        for ml in (volume.ml, volume.low_ml, volume.high_ml) if volume else (None, None, None):
            yield "" if ml is None else f"{ml:.2f}"


def _suggested(by_volume: Assessment, by_diameters: Assessment) -> Iterator[str]:
    yield by_volume.category.value
    yield "yes" if by_volume.is_preliminary else "no"
    yield by_diameters.category.value
    for figure in (by_volume.ratio_to_baseline, by_volume.ratio_to_nadir, by_volume.probability_of_noise):
        yield "" if figure is None else f"{figure:.4f}"


def _text(figure: float | None) -> str:
    return "" if figure is None else f"{figure:g}"
