"""Patients seen in a stretch of time, each with the suggested response of the last visit and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from review.longitudinal import timelines_of
from review.patients import key_of, wanted_studies
from review.response_types import Assessment, Burden, Category, Confirmation, Timeline

MOST_PATIENTS = 200
"""Every course is read anew; more would keep the reader waiting."""


class TooManyPatientsError(Exception):
    """The stretch of time holds more patients than are read at once; the text says what to do."""


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One patient of the cohort."""

    study_uid: str
    """The last counted visit: names the patient at the API."""
    patient_id: str
    name: str
    n_visits: int
    latest: Assessment
    interval_share: float | None
    """Width of the 95 % interval of the last burden over the burden: 1 means it may be half as much or half more."""
    confirmation_is_due: bool
    """A preliminary call waits, and a scan now would decide it."""
    confirmation_is_overdue: bool
    """The time in which a scan could have decided is over."""
    missing: tuple[str, ...]


def cohort(first: date, last: date, today: date | None = None) -> list[CohortRow]:
    """Patients with a study from `first` to `last`, progression first, then by date, newest first.

    Raises:
        TooManyPatientsError: ask for less time.
    """
    day = today or timezone.localdate()
    seen = {key_of(study) for study in wanted_studies().filter(study_date__range=(first, last))}
    if len(seen) > MOST_PATIENTS:
        raise TooManyPatientsError(
            f"{len(seen)} patients were seen from {first} to {last}; ask for a shorter time ({MOST_PATIENTS} at most)."
        )
    rows = [_row(one, day) for one in timelines_of(sorted(seen), day) if one.latest]
    return sorted(
        rows,
        key=lambda row: (
            row.latest.category != Category.PROGRESSION,
            -row.latest.on.toordinal(),
            row.study_uid,
        ),
    )


def _row(timeline: Timeline, today: date) -> CohortRow:
    latest = timeline.volumetric[-1]
    from_day = latest.confirm_from
    pending = latest.confirmation == Confirmation.PENDING
    return CohortRow(
        study_uid=latest.study_uid,
        patient_id=timeline.patient.patient_id,
        name=timeline.name,
        n_visits=len(timeline.counted),
        latest=latest,
        interval_share=_interval_share(latest.burden),
        confirmation_is_due=pending and from_day is not None and from_day <= today,
        confirmation_is_overdue=latest.confirmation == Confirmation.UNCONFIRMED,
        missing=timeline.missing,
    )


def _interval_share(burden: Burden | None) -> float | None:
    if burden is None or burden.low is None or burden.high is None or burden.value <= 0:
        return None
    return (burden.high - burden.low) / burden.value
