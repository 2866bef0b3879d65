"""The values that the PACS room hands to its callers: headers, roles, choices, measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self


class Role(StrEnum):
    """What a series is to the model."""

    T1 = "T1"
    T1CE = "T1CE"
    T2 = "T2"
    FLAIR = "FLAIR"
    NONE = "none"


NEEDED_ROLES = (Role.T1, Role.T1CE, Role.T2, Role.FLAIR)
"""A study with these four can be segmented."""

SEEN_CONFIDENCE = 0.8
"""How sure a role is that was seen in the pixels."""


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """One series in the words of its header. Absent text is "", absent numbers are None.

    `instances_digest` hashes the sorted SOP Instance UIDs: it changes when an image arrives late.
    `is_ours` says that this software wrote the series. `contrast_time` is when the injection began (HHMMSS).
    """

    series_uid: str
    study_uid: str
    orthanc_id: str = ""
    modality: str = ""
    series_number: int | None = None
    description: str = ""
    protocol_name: str = ""
    body_part: str = ""
    sequence_name: str = ""
    scanning_sequence: str = ""
    sequence_variant: str = ""
    image_type: tuple[str, ...] = ()
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    contrast_agent: str = ""
    acquisition_type: str = ""
    acquisition_time: str = ""
    series_date_time: str = ""
    rows: int | None = None
    columns: int | None = None
    n_images: int = 0
    slice_thickness_mm: float | None = None
    spacing_between_slices_mm: float | None = None
    pixel_spacing_mm: float | None = None
    orientation: tuple[float, ...] = ()
    manufacturer: str = ""
    manufacturer_model: str = ""
    b_value: float | None = None
    sop_class_uid: str = ""
    frame_of_reference_uid: str = ""
    is_ours: bool = False
    is_stable: bool = False
    instances_digest: str = ""
    contrast_time: str = ""
    scan_options: str = ""
    n_temporal_positions: int | None = None
    patient_age: str = ""
    """As DICOM writes it: 004Y, 018M, 012W, 003D."""

    def to_dict(self) -> dict[str, Any]:
        """The header as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The header that `to_dict` wrote; keys of later versions are ignored."""
        kept = {name: value for name, value in values.items() if name in SERIES_FIELDS}
        kept["image_type"] = tuple(kept.get("image_type", ()))
        kept["orientation"] = tuple(kept.get("orientation", ()))
        return cls(**kept)


SERIES_FIELDS = frozenset(field.name for field in fields(SeriesHeader))
"""Their names, once: a dry run reads many thousand headers."""


@dataclass(frozen=True, slots=True)
class StudyHeader:
    """One study with its series. Dates and times are DICOM's (YYYYMMDD, HHMMSS)."""

    study_uid: str
    orthanc_id: str = ""
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""
    description: str = ""
    institution: str = ""
    calling_aet: str = ""
    series: tuple[SeriesHeader, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The header as plain JSON values."""
        return {**asdict(self), "series": [one.to_dict() for one in self.series]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The header that `to_dict` wrote; keys of later versions are ignored."""
        known = {field.name for field in fields(cls)} - {"series"}
        kept = {name: value for name, value in values.items() if name in known}
        return cls(**kept, series=tuple(SeriesHeader.from_dict(one) for one in values.get("series", ())))

    def with_series(self, series: tuple[SeriesHeader, ...]) -> Self:
        """The same study with other series."""
        return replace(self, series=series)


@dataclass(frozen=True, slots=True)
class RoleGuess:
    """What a header says a series is, how sure that is (0 to 1), and the evidence in words."""

    role: Role
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class SeriesChoice:
    """Which series fill the roles. `reasons` has one sentence per role, filled or not.

    `passed_over` gives, by series UID, why every other series was not taken.
    `guesses` gives, by series UID, what each series was taken for.
    """

    picked: dict[Role, SeriesHeader]
    reasons: dict[Role, str]
    missing: tuple[Role, ...]
    passed_over: dict[str, str]
    guesses: dict[str, RoleGuess]

    @property
    def is_complete(self) -> bool:
        """Whether all four roles are filled."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class Change:
    """One line of Orthanc's journal, for example kind "StableSeries", level "Series"."""

    seq: int
    kind: str
    level: str
    orthanc_id: str


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Part of Orthanc's journal. Ask again from `last_seq` until `done`."""

    changes: tuple[Change, ...]
    last_seq: int
    done: bool


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance that Orthanc holds now; `already_stored` when it held it before."""

    sop_uid: str
    orthanc_id: str
    already_stored: bool
    study_orthanc_id: str = ""
    series_orthanc_id: str = ""


@dataclass(frozen=True, slots=True)
class UploadAnswer:
    """What became of uploaded bytes: the instances now stored, or the reason why there are none."""

    accepted: bool
    reason: str = ""
    instances: tuple[StoredInstance, ...] = ()


@dataclass(frozen=True, slots=True)
class AlgorithmInfo:
    """What made a result, as every DICOM object states it."""

    name: str
    version: str
    statement: str = ""
    parameters: tuple[str, ...] = ()


class MeasuredRegion(StrEnum):
    """What a volume can be measured of: nested compartments and stored labels."""

    WHOLE_TUMOUR = "WT"
    TUMOUR_CORE = "TC"
    ENHANCING_TUMOUR = "ET"
    OEDEMA = "ED"
    NONENHANCING_CORE = "NC"


@dataclass(frozen=True, slots=True)
class CompartmentVolume:
    """A volume with its 95 % interval, in millilitres."""

    compartment: MeasuredRegion
    ml: float
    low_ml: float
    high_ml: float


@dataclass(frozen=True, slots=True)
class LesionMeasurement:
    """One lesion: volumes in ml, axial diameters of what enhances and where its middle is (LPS) in mm.

    `side` and `lobe` are words of `orthanc.codes`; `tracking_uid` is the same at every visit where somebody
    followed the lesion, else empty.
    """

    number: int
    enhancing_ml: float
    nonenhancing_core_ml: float
    oedema_ml: float
    long_diameter_mm: float
    perpendicular_diameter_mm: float
    is_measurable: bool
    centre_mm: tuple[float, float, float]
    side: str
    lobe: str
    tracking_uid: str = ""


class ObjectKind(StrEnum):
    """The kinds of DICOM objects that make up a result."""

    SEG = "SEG"
    SR = "SR"
    SC_T1CE = "SC_T1CE"
    SC_FLAIR = "SC_FLAIR"
    UNCERTAINTY = "UNCERTAINTY"
    KOS = "KOS"
    PDF = "PDF"


IMAGE_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.4",  # Multi-frame True Color Secondary Capture
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
    }
)
"""The SOP classes that we write and that hold pixels."""


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """A DICOM object by its UIDs."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_uid: str

    @property
    def is_image(self) -> bool:
        """Whether a document refers to it as to an image."""
        return self.sop_class_uid in IMAGE_CLASSES
