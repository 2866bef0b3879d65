"""What a rule may ask about: a closed list of header words and derived facts, with how people call them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from orthanc.types import Role, SeriesHeader, StudyHeader
from segmentation.types import Phase


class Tag(StrEnum):
    """The header words and facts that a condition may ask about. Those of series hold when any series fits."""

    STUDY_DESCRIPTION = "StudyDescription"
    INSTITUTION = "InstitutionName"
    CALLING_AET = "CallingAET"
    ACCESSION_NUMBER = "AccessionNumber"
    PATIENT_ID = "PatientID"
    PATIENT_SEX = "PatientSex"
    PATIENT_AGE = "PatientAge"
    STUDY_DATE = "StudyDate"
    SERIES_COUNT = "NumberOfSeries"
    PHASE = "Phase"
    MODALITY = "Modality"
    SERIES_DESCRIPTION = "SeriesDescription"
    PROTOCOL_NAME = "ProtocolName"
    BODY_PART = "BodyPartExamined"
    MANUFACTURER = "Manufacturer"
    MANUFACTURER_MODEL = "ManufacturerModelName"
    SEQUENCE_NAME = "SequenceName"
    CONTRAST_AGENT = "ContrastBolusAgent"
    ACQUISITION_TYPE = "MRAcquisitionType"
    IMAGE_COUNT = "NumberOfImages"
    SLICE_THICKNESS = "SliceThickness"
    REPETITION_TIME = "RepetitionTime"
    ECHO_TIME = "EchoTime"
    INVERSION_TIME = "InversionTime"
    FLIP_ANGLE = "FlipAngle"
    ROLE = "Role"
    ROLE_CONFIDENCE = "RoleConfidence"


class Kind(StrEnum):
    """What values a tag has."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class TagFacts:
    """How a tag is read and spoken of. `field` is the header's attribute, empty for a derived fact."""

    spoken: str
    kind: Kind = Kind.TEXT
    field: str = ""
    of_series: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()


def _of_series(spoken: str, field: str, kind: Kind = Kind.TEXT, unit: str = "") -> TagFacts:
    return TagFacts(spoken, kind, field, of_series=True, unit=unit)


TAGS: dict[Tag, TagFacts] = {
    Tag.STUDY_DESCRIPTION: TagFacts("study description", field="description"),
    Tag.INSTITUTION: TagFacts("institution", field="institution"),
    Tag.CALLING_AET: TagFacts("calling AE title", field="calling_aet"),
    Tag.ACCESSION_NUMBER: TagFacts("accession number", field="accession_number"),
    Tag.PATIENT_ID: TagFacts("patient ID", field="patient_id"),
    Tag.PATIENT_SEX: TagFacts("patient's sex", field="sex"),
    Tag.PATIENT_AGE: TagFacts("patient's age", Kind.NUMBER, unit="years"),
    Tag.STUDY_DATE: TagFacts("study date", Kind.DATE, field="study_date"),
    Tag.SERIES_COUNT: TagFacts("number of series", Kind.NUMBER),
    Tag.PHASE: TagFacts("phase by its words", Kind.CHOICE, choices=tuple(Phase)),
    Tag.MODALITY: _of_series("modality", "modality"),
    Tag.SERIES_DESCRIPTION: _of_series("series description", "description"),
    Tag.PROTOCOL_NAME: _of_series("protocol", "protocol_name"),
    Tag.BODY_PART: _of_series("body part", "body_part"),
    Tag.MANUFACTURER: _of_series("manufacturer", "manufacturer"),
    Tag.MANUFACTURER_MODEL: _of_series("scanner model", "manufacturer_model"),
    Tag.SEQUENCE_NAME: _of_series("sequence name", "sequence_name"),
    Tag.CONTRAST_AGENT: _of_series("contrast agent", "contrast_agent"),
    Tag.ACQUISITION_TYPE: _of_series("acquisition type (2D, 3D)", "acquisition_type"),
    Tag.IMAGE_COUNT: _of_series("number of images", "n_images", Kind.NUMBER),
    Tag.SLICE_THICKNESS: _of_series("slice thickness", "slice_thickness_mm", Kind.NUMBER, "mm"),
    Tag.REPETITION_TIME: _of_series("repetition time", "repetition_time_ms", Kind.NUMBER, "ms"),
    Tag.ECHO_TIME: _of_series("echo time", "echo_time_ms", Kind.NUMBER, "ms"),
    Tag.INVERSION_TIME: _of_series("inversion time", "inversion_time_ms", Kind.NUMBER, "ms"),
    Tag.FLIP_ANGLE: _of_series("flip angle", "flip_angle_deg", Kind.NUMBER, "degrees"),
    Tag.ROLE: TagFacts("role", Kind.CHOICE, of_series=True, choices=tuple(Role)),
    Tag.ROLE_CONFIDENCE: TagFacts("confidence of the role (0 to 1)", Kind.NUMBER, of_series=True),
}

AFTER_SURGERY = re.compile(
    r"\bpost[ -]?(?:op|surg|resect|operat)|\bs/p\b|status post|resection cavity|follow[ -]?up|\bf/?u\b|nach op"
)
BEFORE_SURGERY = re.compile(r"\bpre[ -]?(?:op|surg|operat)|stealth|\bnavig|\bplanning\b|vor op")


def phase_by_words(study: StudyHeader, series: tuple[SeriesHeader, ...]) -> Phase:
    """What descriptions and protocol names say of surgery: before, after, or (nothing, or both) unknown."""
    texts = [study.description, *(text for one in series for text in (one.description, one.protocol_name))]
    words = " ; ".join(texts).casefold().replace("_", " ")
    before, after = bool(BEFORE_SURGERY.search(words)), bool(AFTER_SURGERY.search(words))
    if before == after:
        return Phase.UNKNOWN
    return Phase.PREOP if before else Phase.POSTOP
