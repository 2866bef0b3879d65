"""DICOM tags, by keyword as Orthanc's simplified tags give them, to the headers that we keep.

Classic and enhanced MR put the same facts in different places: an enhanced image keeps timing and
geometry in functional groups, which are searched when the top level lacks the word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from orthanc.types import SeriesHeader, StudyHeader
from orthanc.uids import MANUFACTURER

Tags = Mapping[str, Any]

FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
NO_AGENT = {"", "NO", "NONE", "N", "N/A", "NA", "0", "-", "WITHOUT", "NO CONTRAST", "OHNE", "SANS", "NIL"}
"""What technologists write into the agent field when they gave none."""

MR_IMAGE_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
}
"""MR, enhanced MR, legacy converted enhanced MR."""


@dataclass(frozen=True, slots=True)
class InstancePlace:
    """Where one image of a series lies; `position_mm` is empty where the header has none."""

    sop_uid: str
    position_mm: tuple[float, ...] = ()
    n_frames: int = 1


def digest_instances(sop_uids: Iterable[str]) -> str:
    """A short hash of a set of SOP Instance UIDs; it changes whenever an image comes or goes."""
    return hashlib.sha256("\n".join(sorted(sop_uids)).encode()).hexdigest()[:32]


def series_header(
    tags: Tags, places: Iterable[InstancePlace], *, orthanc_id: str = "", is_stable: bool = False
) -> SeriesHeader:
    """The header of a series from the tags of one typical instance and the places of all."""
    all_places = tuple(places)
    orientation = _numbers(tags, "ImageOrientationPatient")
    return SeriesHeader(
        series_uid=_text(tags, "SeriesInstanceUID"),
        study_uid=_text(tags, "StudyInstanceUID"),
        orthanc_id=orthanc_id,
        is_stable=is_stable,
        is_ours=_text(tags, "Manufacturer") == MANUFACTURER,
        n_images=sum(place.n_frames for place in all_places),
        instances_digest=digest_instances(place.sop_uid for place in all_places),
        orientation=orientation,
        spacing_between_slices_mm=_slice_step_mm(all_places, orientation)
        or _number(tags, "SpacingBetweenSlices"),
        **_words(tags),
        **_measures(tags),
    )


def _words(tags: Tags) -> dict[str, Any]:
    return {
        "modality": _text(tags, "Modality").upper() or _modality_of(_text(tags, "SOPClassUID")),
        "description": _text(tags, "SeriesDescription"),
        "protocol_name": _text(tags, "ProtocolName"),
        "body_part": _text(tags, "BodyPartExamined", "AnatomicRegionSequence.CodeMeaning"),
        "sequence_name": _text(tags, "SequenceName", "PulseSequenceName"),
        "scanning_sequence": _text(tags, "ScanningSequence", "EchoPulseSequence"),
        "sequence_variant": _text(tags, "SequenceVariant"),
        "image_type": tuple(_text(tags, "ImageType").split("\\")) if _text(tags, "ImageType") else (),
        "contrast_agent": _agent(tags),
        "contrast_time": _text(tags, "ContrastBolusStartTime"),
        "scan_options": _text(tags, "ScanOptions"),
        "acquisition_type": _text(tags, "MRAcquisitionType"),
        "acquisition_time": _text(tags, "AcquisitionTime") or _text(tags, "AcquisitionDateTime")[8:],
        "series_date_time": _date_time(tags),
        "patient_age": _text(tags, "PatientAge"),
        "manufacturer": _text(tags, "Manufacturer"),
        "manufacturer_model": _text(tags, "ManufacturerModelName"),
        "sop_class_uid": _text(tags, "SOPClassUID"),
        "frame_of_reference_uid": _text(tags, "FrameOfReferenceUID"),
    }


def _measures(tags: Tags) -> dict[str, Any]:
    return {
        "series_number": _whole(tags, "SeriesNumber"),
        "repetition_time_ms": _number(tags, "RepetitionTime"),
        "echo_time_ms": _number(tags, "EchoTime", "EffectiveEchoTime"),
        "inversion_time_ms": _number(tags, "InversionTime", "InversionTimes"),
        "flip_angle_deg": _number(tags, "FlipAngle"),
        "rows": _whole(tags, "Rows"),
        "columns": _whole(tags, "Columns"),
        "slice_thickness_mm": _number(tags, "SliceThickness"),
        "pixel_spacing_mm": _number(tags, "PixelSpacing"),
        "b_value": _number(tags, "DiffusionBValue"),
        "n_temporal_positions": _whole(tags, "NumberOfTemporalPositions"),
    }


def study_header(
    tags: Tags, series: Iterable[SeriesHeader], *, orthanc_id: str, calling_aet: str
) -> StudyHeader:
    """The header of a study from the tags of one of its instances."""
    return StudyHeader(
        study_uid=_text(tags, "StudyInstanceUID"),
        orthanc_id=orthanc_id,
        patient_id=_text(tags, "PatientID"),
        issuer=_text(tags, "IssuerOfPatientID"),
        patient_name=_text(tags, "PatientName"),
        birth_date=_text(tags, "PatientBirthDate"),
        sex=_text(tags, "PatientSex"),
        study_date=_text(tags, "StudyDate"),
        study_time=_text(tags, "StudyTime"),
        accession_number=_text(tags, "AccessionNumber"),
        description=_text(tags, "StudyDescription"),
        institution=_text(tags, "InstitutionName"),
        calling_aet=calling_aet,
        series=tuple(series),
    )


def simplified_tags(dataset: Dataset) -> dict[str, Any]:
    """A dataset by keyword, in the form of Orthanc's simplified tags; private and pixel tags left out."""
    tags: dict[str, Any] = {}
    for element in dataset:
        if not element.keyword or element.VR in {"OB", "OW", "OF", "OD", "UN"}:
            continue
        if element.VR == "SQ":
            tags[element.keyword] = [simplified_tags(item) for item in element.value]
        elif element.VM > 1:
            tags[element.keyword] = "\\".join(str(one) for one in element.value)
        else:
            tags[element.keyword] = "" if element.value is None else str(element.value)
    return tags


def instance_place(tags: Tags) -> InstancePlace:
    """Where the instance of these tags lies."""
    return InstancePlace(
        sop_uid=_text(tags, "SOPInstanceUID"),
        position_mm=_floats(tags.get("ImagePositionPatient")),
        n_frames=_whole(tags, "NumberOfFrames") or 1,
    )


def _slice_step_mm(places: tuple[InstancePlace, ...], orientation: tuple[float, ...]) -> float | None:
    """The usual distance between neighbouring slices, from their positions; None with fewer than two."""
    positions = [place.position_mm for place in places if len(place.position_mm) == 3]
    if len(positions) < 2 or len(orientation) != 6:
        return None
    normal = np.cross(orientation[:3], orientation[3:])
    steps_mm = np.diff(np.sort(np.asarray(positions) @ normal))
    apart_mm = steps_mm[steps_mm > 1e-3]
    return round(float(np.median(apart_mm)), 4) if apart_mm.size else None


def _modality_of(sop_class_uid: str) -> str:
    """MR where the header forgot the modality, but the object is an MR image."""
    return "MR" if sop_class_uid in MR_IMAGE_CLASSES else ""


def _agent(tags: Tags) -> str:
    """What was injected; where only its amount or ingredient was entered, that. "" where none was given."""
    agent = _text(tags, "ContrastBolusAgent", "ContrastBolusAgentSequence.CodeMeaning")
    if agent.upper().strip(" .") in NO_AGENT - {""} or _text(tags, "ContrastBolusAgentAdministered") == "NO":
        return ""
    volume_ml = _number(tags, "ContrastBolusVolume") or 0.0
    return agent or _text(tags, "ContrastBolusIngredient") or (f"{volume_ml:g} mL" if volume_ml > 0 else "")


def _date_time(tags: Tags) -> str:
    date, time = _text(tags, "SeriesDate"), _text(tags, "SeriesTime")
    if date:
        return date + time
    return _text(tags, "AcquisitionDateTime") or _text(tags, "AcquisitionDate") + _text(
        tags, "AcquisitionTime"
    )


def _text(tags: Tags, *names: str) -> str:
    """The first of the named tags that has a value; "A.B" looks for B within sequence A."""
    for name in names:
        value = _find(tags, name)
        if value not in (None, ""):
            return str(value).strip().strip("\0").strip()
    return ""


def _find(tags: Tags, name: str) -> Any:
    if "." in name:
        sequence, inner = name.split(".", 1)
        items = tags.get(sequence) or []
        return _find(items[0], inner) if isinstance(items, list) and items else None
    if tags.get(name) not in (None, "", []):
        return tags[name]
    for group in FUNCTIONAL_GROUPS:
        items = tags.get(group)
        if isinstance(items, list) and items:
            found = _find_deep(items[0], name)
            if found not in (None, ""):
                return found
    return None


def _find_deep(tags: Tags, name: str) -> Any:
    if name in tags:
        return tags[name]
    for value in tags.values():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            found = _find_deep(value[0], name)
            if found not in (None, ""):
                return found
    return None


def _floats(value: Any) -> tuple[float, ...]:
    """Backslash-separated numbers; empty if any of them is not a finite number."""
    if value in (None, ""):
        return ()
    try:
        numbers = tuple(float(one) for one in str(value).split("\\"))
    except ValueError:
        return ()
    return numbers if all(isfinite(one) for one in numbers) else ()


def _numbers(tags: Tags, name: str) -> tuple[float, ...]:
    return _floats(_find(tags, name))


def _number(tags: Tags, *names: str) -> float | None:
    numbers = _floats(_text(tags, *names))
    return numbers[0] if numbers else None


def _whole(tags: Tags, name: str) -> int | None:
    number = _number(tags, name)
    return None if number is None else int(number)
