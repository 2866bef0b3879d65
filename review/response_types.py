"""The rules that rate a course, and what they say of it.

Pure: no Django, no DICOM. `review/response.py` makes assessments out of the facts of `review/course_facts.py`;
pages, macro, SR and API read them. Volumes are millilitres, diameters mm, areas mm2, doses mg a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from review.course_facts import Event, IdentityWarning, LesionCurve, PatientFacts, PatientKey, Visit


class NonEnhancing(StrEnum):
    """When disease without enhancement is rated."""

    NEVER = "never"
    WATCHED_WITH_BEVACIZUMAB = "watched_with_bevacizumab"
    """Growth is said, for a reader to judge, while an anti-angiogenic drug hides enhancement."""
    ALWAYS = "always"
    """Rated beside the enhancing disease and combined with it."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Ratios of a burden to its reference; each limit belongs to the category that it names."""

    progression: float
    """PD: at least this multiple of the nadir."""
    partial: float
    """PR: at most this multiple of the baseline."""
    minor: float
    """MR: at most this multiple of the baseline, above `partial`; only where the profile has minor responses."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of rules: an answer without its profile means nothing."""

    name: str
    title: str
    non_enhancing: NonEnhancing
    has_minor_response: bool
    volume: Thresholds = Thresholds(progression=1.40, partial=0.35, minor=0.60)
    """RANO 2.0, volumetric (Wen 2023; cut-offs of Ellingson 2017): +40 %, -65 %; minor response -40 %."""
    area: Thresholds = Thresholds(progression=1.25, partial=0.50, minor=0.75)
    """RANO 2.0, products of diameters: +25 %, -50 %; minor response -25 %."""
    least_diameter_mm: float = 10.0
    """Measurable: at least this long in both perpendicular diameters ..."""
    least_slices: int = 2
    """... and seen on at least this many slices."""
    most_targets: int = 2
    """Lesions whose diameters are taken, the largest at baseline; the volume takes all measurable ones."""
    window_days: int = 84
    """After the end of radiotherapy progression is preliminary for 12 weeks."""
    confirm_after_days: int = 28
    """A confirming scan comes no sooner, and PR and CR have to last at least this long: 4 weeks."""
    confirm_within_days: int = 112
    """A scan that comes later confirms nothing any more: 16 weeks."""
    physiological_steroid_mg: float = 0.75
    """Dexamethasone a day that only replaces the body's own: allowed in complete response."""
    status_within_days: int = 14
    """The clinical status of a visit may be noted this long after the scan."""


class Category(StrEnum):
    """Suggested response. The first five are RANO's, the others say why there is none."""

    COMPLETE = "CR"
    PARTIAL = "PR"
    MINOR = "MR"
    STABLE = "SD"
    PROGRESSION = "PD"
    NOT_EVALUABLE = "NE"
    BASELINE = "baseline"
    NOT_RATED = "not rated"
    """Before the baseline: nothing to compare with."""


class Measure(StrEnum):
    """What is compared."""

    VOLUME = "volume"
    BIDIRECTIONAL = "bidirectional"


class Window(StrEnum):
    """Whether a visit lies in the 12 weeks after radiotherapy."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"
    """The date is missing, so the rule can be neither applied nor left out."""


class Confirmation(StrEnum):
    """What later scans (or tissue) said of a call that has to last."""

    NOT_NEEDED = "not_needed"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNCONFIRMED = "unconfirmed"
    """No scan came in time; the call is kept, and said to be unconfirmed."""


@dataclass(frozen=True, slots=True)
class Burden:
    """The disease at one visit, as one measure takes it."""

    value: float
    """mL for volume, mm2 for diameters."""
    low: float | None = None
    high: float | None = None
    """95 % interval of the volume; diameters have none."""
    words: str = ""
    """What was summed."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules suggest for one visit, by one measure. Always suggested: a clinician decides."""

    study_uid: str
    result_id: int | None
    on: date
    measure: Measure
    profile: str
    category: Category
    reasoning: tuple[str, ...]
    """Every step in words and numbers, in the order in which it was taken."""
    is_preliminary: bool = False
    """PD in, or perhaps in, the window after radiotherapy, or PR and CR that have not lasted yet."""
    window: Window = Window.UNKNOWN
    confirmation: Confirmation = Confirmation.NOT_NEEDED
    confirmed_by: str = ""
    """Study whose scan confirmed or refuted."""
    confirm_from: date | None = None
    confirm_until: date | None = None
    """When a confirming scan would count."""
    burden: Burden | None = None
    baseline_uid: str = ""
    nadir_uid: str = ""
    ratio_to_baseline: float | None = None
    ratio_to_nadir: float | None = None
    progressed_on: date | None = None
    """The date that progression gets; it may be that of an earlier rise in steroids."""
    probability_of_noise: float | None = None
    """That the true burden did not move this way at all: the change is measurement error alone."""
    probability_of_progression: float | None = None
    """That the true ratio to the nadir reaches the threshold."""
    probability_of_response: float | None = None
    """That the true ratio to the baseline is down to the threshold."""
    missing: tuple[str, ...] = ()
    """Facts that an overall response would need and nobody has entered."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole course of one patient, oldest first."""

    patient: PatientKey
    patients: tuple[PatientKey, ...]
    """All IDs of the person: more than one where an admin linked them."""
    name: str
    birth_date: date | None
    sex: str
    facts: PatientFacts
    profile: Profile
    visits: tuple[Visit, ...]
    events: tuple[Event, ...]
    volumetric: tuple[Assessment, ...]
    """One per counted visit."""
    bidirectional: tuple[Assessment, ...]
    warnings: tuple[IdentityWarning, ...] = ()
    missing: tuple[str, ...] = ()
    """Events that the rules need and nobody has entered, in words."""
    lesions: tuple[LesionCurve, ...] = ()

    @property
    def counted(self) -> tuple[Visit, ...]:
        """The visits that make the course."""
        return tuple(visit for visit in self.visits if visit.counts)

    def assessment_of(self, study_uid: str, measure: Measure = Measure.VOLUME) -> Assessment | None:
        """What is suggested for a study; None where its point does not count."""
        found = self.volumetric if measure == Measure.VOLUME else self.bidirectional
        return next((one for one in found if one.study_uid == study_uid), None)

    @property
    def latest(self) -> Assessment | None:
        """The volumetric answer of the last counted visit."""
        return self.volumetric[-1] if self.volumetric else None
