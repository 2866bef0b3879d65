"""What is known of a patient's course: visits with their volumes and lesions, treatment events, odd identities.

Pure: no Django, no DICOM. `review/longitudinal.py` fills these from the database; the rules of `review/response.py`,
pages, macro, SR and API read them. Volumes are millilitres, diameters mm, areas mm2, doses mg a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum

from orthanc.types import MeasuredRegion
from segmentation.types import Fate, VolumeEstimate


@dataclass(frozen=True, slots=True, order=True)
class PatientKey:
    """Whose visit it is: PatientID and its issuer. A study without PatientID is a patient of its own."""

    patient_id: str
    issuer: str = ""
    study_uid: str = ""
    """Only where the PatientID is empty."""


class EventKind(StrEnum):
    """What happened to the patient, as far as the rules ask for it."""

    DIAGNOSIS = "diagnosis"
    SURGERY = "surgery"
    BIOPSY = "biopsy"
    RADIOTHERAPY_START = "radiotherapy_start"
    RADIOTHERAPY_END = "radiotherapy_end"
    CHEMOTHERAPY = "chemotherapy"
    BEVACIZUMAB_START = "bevacizumab_start"
    BEVACIZUMAB_END = "bevacizumab_end"
    NEW_THERAPY = "new_therapy"
    STEROID_DOSE = "steroid_dose"
    CLINICAL_STATUS = "clinical_status"
    NONTARGET_PROGRESSION = "nontarget_progression"
    """A reader's word that disease which is not measured has clearly worsened."""


class ClinicalStatus(StrEnum):
    """How the patient is, compared with the visit before."""

    IMPROVED = "improved"
    STABLE = "stable"
    WORSE = "worse"
    """Not explained by anything but the tumour."""
    WORSE_EXPLAINED = "worse_explained"
    """By seizures, drugs, infection, another disease: says nothing of the tumour."""


class Histology(StrEnum):
    """What tissue taken at a surgery or biopsy showed."""

    TUMOUR = "tumour"
    TREATMENT_EFFECT = "treatment_effect"


class IdhStatus(StrEnum):
    """Mutation of the IDH gene: decides which variant of the rules holds."""

    UNKNOWN = "unknown"
    WILDTYPE = "wildtype"
    MUTANT = "mutant"


class Setting(StrEnum):
    """Where in the disease a patient came to us: decides which scan is the baseline."""

    NEWLY_DIAGNOSED = "newly_diagnosed"
    RECURRENT = "recurrent"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, on one day. Fields that its kind does not have are None or empty."""

    kind: EventKind
    on: date
    dose_mg: float | None = None
    """Dexamethasone, or the dose of it that does the same, in mg a day. 0: none is given any more."""
    status: ClinicalStatus | None = None
    histology: Histology | None = None
    idh: IdhStatus | None = None
    note: str = ""
    key: int | None = None
    """Row of the event; None for one that is not stored."""


@dataclass(frozen=True, slots=True)
class LesionAt:
    """One enhancing lesion at one visit."""

    component: int
    """Number of the component in this result's label map."""
    enhancing_ml: float
    long_diameter_mm: float
    perpendicular_diameter_mm: float
    n_slices: int
    number: int | None = None
    """The lesion's own number, the same at all visits; None until it was matched with the other visits."""
    parents: tuple[int, ...] = ()
    """Numbers of the lesions that it split from, or that grew together in it."""

    @property
    def area_mm2(self) -> float:
        """Product of the two perpendicular diameters."""
        return self.long_diameter_mm * self.perpendicular_diameter_mm


@dataclass(frozen=True, slots=True)
class ModelOfVisit:
    """Which algorithm measured a visit."""

    name: str
    version: str
    is_demo: bool


@dataclass(frozen=True, slots=True)
class TrackedAt:
    """One lesion at one visit, enhancing or not, as it is followed over all visits."""

    component: int
    """Number of the lesion in this result's label map."""
    enhancing_ml: float
    nonenhancing_core_ml: float
    oedema_ml: float
    long_diameter_mm: float
    perpendicular_diameter_mm: float
    is_measurable: bool
    hemisphere: str
    lobe: str
    tracking_uid: str = ""
    """Empty where the lesions of this visit could not be joined with those of others."""
    fate: Fate | None = None
    """What became of it since the visit before."""
    parent_uids: tuple[str, ...] = ()
    """Lesions that it split from, or that grew together in it, ever."""
    number: int | None = None
    """The same at all visits: in the order in which lesions appear in the course."""
    parents: tuple[int, ...] = ()
    """Their numbers."""


@dataclass(frozen=True, slots=True)
class LesionPoint:
    """A lesion on its curve: at one counted visit, from the first that shows it."""

    study_uid: str
    on: date
    fate: Fate
    lesion: TrackedAt | None
    """None: it has vanished, or goes on within another one."""
    into: int | None = None
    """Number of the lesion that it goes on in; its own curve ends here."""

    @property
    def enhancing_ml(self) -> float | None:
        """What enhances; 0 where the lesion has vanished, None where it is no longer told apart."""
        if self.lesion is not None:
            return self.lesion.enhancing_ml
        return None if self.into is not None else 0.0


@dataclass(frozen=True, slots=True)
class LesionCurve:
    """One lesion over all counted visits."""

    number: int
    colour: str
    """The same on every page, as #rrggbb."""
    tracking_uid: str
    points: tuple[LesionPoint, ...]


class VisitState(StrEnum):
    """Whether a point belongs to the course. Only counted ones enter sums, nadir and answers."""

    COUNTED = "counted"
    FLAGGED = "flagged"
    SUPERSEDED = "superseded"
    """A newer result of the same study speaks for it."""
    SAME_DAY = "same_day"
    """Another scan of the same day speaks for that day."""
    NO_RESULT = "no_result"
    UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Visit:
    """One point of the course: a study with one of its results, or without any."""

    study_uid: str
    on: date | None
    at: time | None = None
    state: VisitState = VisitState.COUNTED
    why: str = ""
    """Why the point does not count, in words."""
    volumes: Mapping[MeasuredRegion, VolumeEstimate] = field(default_factory=dict)
    struck: Mapping[MeasuredRegion, VolumeEstimate] = field(default_factory=dict)
    """Regions that a flag took out; of a visit that counts they are not among the `volumes`."""
    lesions: tuple[LesionAt, ...] | None = None
    """None: the shape of the lesions was not measured."""
    tracked: tuple[TrackedAt, ...] | None = None
    """Every lesion with what became of it; None where shapes were not measured."""
    not_followed: str = ""
    """Why the lesions could not be joined with those of other visits, in words."""
    phase: str = "unknown"
    result_id: int | None = None
    description: str = ""
    accession_number: str = ""
    model: ModelOfVisit | None = None
    patient: PatientKey | None = None
    """The ID under which the study came; differs within a course where an admin linked IDs."""

    @property
    def counts(self) -> bool:
        """Whether it enters the course."""
        return self.state == VisitState.COUNTED

    @property
    def enhancing(self) -> VolumeEstimate | None:
        """The enhancing tumour; None where nothing was measured."""
        return self.volumes.get(MeasuredRegion.ENHANCING_TUMOUR)


class WarningKind(StrEnum):
    """What is odd about the identity of a patient's studies."""

    SAME_ACCESSION = "same_accession"
    SAME_DAY = "same_day"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    NAME = "name"
    NO_DATE = "no_date"
    NO_PATIENT_ID = "no_patient_id"
    LINKED_IDS = "linked_ids"


@dataclass(frozen=True, slots=True)
class IdentityWarning:
    """Something to look at before the visits are believed to be one person's. Nothing is merged because of it."""

    kind: WarningKind
    words: str
    study_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What people said of the patient; it steers the rules."""

    setting: Setting = Setting.NEWLY_DIAGNOSED
    idh: IdhStatus = IdhStatus.UNKNOWN
    diagnosis: str = ""
    baseline_uid: str = ""
    """Study that a person chose as baseline; empty: by the rules."""
