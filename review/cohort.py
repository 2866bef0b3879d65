"""Patients seen in a stretch of time, each with the suggested response of the last visit and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from review.changes import ChangeSinceNadir, change_since_nadir
from review.longitudinal import timelines_of
from review.patients import key_of, wanted_studies
from review.response_types import Assessment, Burden, Category, Confirmation, Timeline

MOST_PATIENTS = 200
"""Every course is read anew; more would keep the reader waiting."""
WIDE_SHARE = 0.48
"""An interval of about 24 % up and down: with a wider one a true growth of 40 % is not told from noise at 95 %
(two scans, independent log-normal errors)."""


class TooManyPatientsError(Exception):
    """The stretch of time holds more patients than are read at once; the text says what to do."""


@dataclass(frozen=True, slots=True)
class SinceBaseline:
    """One visit of the running epoch against its baseline."""

    on: date
    days: int
    """Since the baseline."""
    ratio: float
    """Burden over that of the baseline."""
    category: Category


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One patient of the cohort."""

    study_uid: str
    """The last counted visit: names the patient at the API."""
    patient_id: str
    name: str
    n_visits: int
    latest: Assessment
    progressed_on: date | None
    """The last day in the stretch at which progression is suggested."""
    interval_share: float | None
    """Width of the 95 % interval of the last burden over the burden: 1 means it may be half as much or half more."""
    confirmation_is_due: bool
    """A preliminary call waits, and a scan now would decide it."""
    confirmation_is_overdue: bool
    """The time in which a scan could have decided is over."""
    missing: tuple[str, ...]
    change: ChangeSinceNadir | None
    """Of the last visit."""
    since_baseline: tuple[SinceBaseline, ...]
    """The baseline itself first; empty where there is none, or where it had nothing to compare with."""

    @property
    def best_ratio(self) -> float | None:
        """The deepest fall since the baseline; above 1 where it only grew. None before a second visit."""
        return min((one.ratio for one in self.since_baseline[1:]), default=None)

    @property
    def is_wide(self) -> bool:
        """Whether the last interval is too wide to tell a growth of 40 % from noise."""
        return self.interval_share is not None and self.interval_share > WIDE_SHARE


def timelines_seen(first: date, last: date, today: date | None = None) -> list[Timeline]:
    """The courses of all patients with a study from `first` to `last`, IDs of one person as one course.

    Raises:
        TooManyPatientsError: ask for less time.
    """
    columns = ("patient_id", "patient_id_issuer", "study_uid")
    seen = {
        key_of(study) for study in wanted_studies().filter(study_date__range=(first, last)).only(*columns)
    }
    if len(seen) > MOST_PATIENTS:
        raise TooManyPatientsError(
            f"{len(seen)} patients were seen from {first} to {last}; ask for a shorter time ({MOST_PATIENTS} at most)."
        )
    return timelines_of(sorted(seen), today)


def cohort(first: date, last: date, today: date | None = None) -> list[CohortRow]:
    """Patients with a study from `first` to `last`, progression first, then by date, newest first.

    Raises:
        TooManyPatientsError: ask for less time.
    """
    day = today or timezone.localdate()
    rows = [
        _row(timeline, timeline.latest, (first, last), day)
        for timeline in timelines_seen(first, last, day)
        if timeline.latest
    ]
    return sorted(
        rows,
        key=lambda row: (
            row.latest.category != Category.PROGRESSION,
            -row.latest.on.toordinal(),
            row.study_uid,
        ),
    )


def _row(timeline: Timeline, latest: Assessment, asked: tuple[date, date], today: date) -> CohortRow:
    from_day = latest.confirm_from
    pending = latest.confirmation == Confirmation.PENDING
    progressed = [one.on for one in timeline.volumetric if one.category == Category.PROGRESSION]
    return CohortRow(
        study_uid=latest.study_uid,
        patient_id=timeline.patient.patient_id,
        name=timeline.name,
        n_visits=len(timeline.counted),
        latest=latest,
        progressed_on=max((on for on in progressed if asked[0] <= on <= asked[1]), default=None),
        interval_share=_interval_share(latest.burden),
        confirmation_is_due=pending and from_day is not None and from_day <= today,
        confirmation_is_overdue=latest.confirmation == Confirmation.UNCONFIRMED,
        missing=timeline.missing,
        change=change_since_nadir(timeline, latest),
        since_baseline=tuple(_since_baseline(timeline, latest)),
    )


def _since_baseline(timeline: Timeline, latest: Assessment) -> Iterable[SinceBaseline]:
    """The visits of the epoch of the last one, as far as they have a ratio to its baseline."""
    baseline = timeline.assessment_of(latest.baseline_uid) if latest.baseline_uid else None
    if baseline is None or baseline.burden is None or baseline.burden.value <= 0:
        return
    yield SinceBaseline(baseline.on, 0, 1.0, baseline.category)
    for one in timeline.volumetric:
        if one.baseline_uid == baseline.study_uid and one.ratio_to_baseline is not None:
            yield SinceBaseline(one.on, (one.on - baseline.on).days, one.ratio_to_baseline, one.category)


def _interval_share(burden: Burden | None) -> float | None:
    if burden is None or burden.low is None or burden.high is None or burden.value <= 0:
        return None
    return (burden.high - burden.low) / burden.value
