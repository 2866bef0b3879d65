"""A note that results are not to be used: Key Object Selection after TID 2010 (PS3.16), as IHE IOCM has it.

An archive that follows IOCM hides the named objects or marks them, by its own configuration. Only our own
results are ever named, never the images of the scanner.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import highdicom as hd
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from orthanc.codes import (
    IMAGE_ARTEFACT,
    INAPPROPRIATE_PROCESSING,
    MOTION_BLUR,
    POSITIONING,
    REJECTED,
    SOFTWARE_FAILURE,
    TITLE_MODIFIER,
    UNKNOWN_FAILURE,
)
from orthanc.errors import BadResultError
from orthanc.sources import NEEDED_BY_WRITERS, names_as_they_are, sign
from orthanc.types import ObjectReference
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL, derive_uid

REJECTION_SERIES_NUMBER = 9006
DERIVED = frozenset(
    {
        SegmentationStorage,
        Comprehensive3DSRStorage,
        SecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
        ParametricMapStorage,
        EncapsulatedPDFStorage,
    }
)
"""What we write, and so may reject."""


class RejectionReason(StrEnum):
    """Why a result is rejected, as CID 7011 knows it."""

    PROCESSING = "processing"
    SOFTWARE = "software"
    MOTION = "motion"
    ARTEFACT = "artefact"
    POSITIONING = "positioning"
    UNKNOWN = "unknown"


REASONS: dict[RejectionReason, Code] = {
    RejectionReason.PROCESSING: INAPPROPRIATE_PROCESSING,
    RejectionReason.SOFTWARE: SOFTWARE_FAILURE,
    RejectionReason.MOTION: MOTION_BLUR,
    RejectionReason.ARTEFACT: IMAGE_ARTEFACT,
    RejectionReason.POSITIONING: POSITIONING,
    RejectionReason.UNKNOWN: UNKNOWN_FAILURE,
}


def write_rejection(
    objects: Sequence[Dataset | ObjectReference],
    reason: RejectionReason,
    text: str,
    *,
    made_at: datetime,
    by: str,
    key: str,
) -> Dataset:
    """A rejection note that names `objects`, all of one study; the first gives patient and study.

    Args:
        objects: results of ours; those after the first may be references alone.
        text: why, in the reader's words; may be empty.
        by: who rejects.
        key: tells one rejection of the same objects from the next; the same arguments give the same bytes.

    Raises:
        BadResultError: nothing is named, the first object is a reference alone, they are of several studies,
            or one of them is not a result of ours.
    """
    first = _check(objects)
    evidence = [first, *(_as_evidence(one) for one in objects[1:])]
    uids = [str(one.SOPInstanceUID) for one in evidence]
    with names_as_they_are():
        content = hd.ko.KeyObjectSelection(
            document_title=REJECTED,
            referenced_objects=evidence,
            observer_person_context=_person(by),
            observer_device_context=_device(),
            description=text or None,
        )
        content[0].ContentSequence.insert(0, _modifier(REASONS[reason]))
        note = hd.ko.KeyObjectSelectionDocument(
            evidence=evidence,
            content=content,
            series_instance_uid=derive_uid(*uids, "rejection series", key),
            series_number=REJECTION_SERIES_NUMBER,
            sop_instance_uid=derive_uid(*uids, "rejection", key),
            instance_number=1,
            manufacturer=MANUFACTURER,
        )
    note.ManufacturerModelName = MANUFACTURER_MODEL
    note.SeriesDescription = "Rejected glioma results"
    sign(note, first, made_at)
    return note


def _check(objects: Sequence[Dataset | ObjectReference]) -> Dataset:
    if not objects or not isinstance(objects[0], Dataset):
        raise BadResultError("A rejection needs the object that it is about.")
    first = objects[0]
    for one in objects:
        sop_class = one.SOPClassUID if isinstance(one, Dataset) else one.sop_class_uid
        study = one.StudyInstanceUID if isinstance(one, Dataset) else one.study_uid
        foreign = isinstance(one, Dataset) and one.get("Manufacturer") != MANUFACTURER
        if UID(str(sop_class)) not in DERIVED or foreign:
            raise BadResultError("Only results of this software are rejected, never images of a scanner.")
        if study != first.StudyInstanceUID:
            raise BadResultError("A rejection names objects of one study only.")
    for name in NEEDED_BY_WRITERS:
        if name not in first:
            setattr(first, name, "")
    return first


def _as_evidence(one: Dataset | ObjectReference) -> Dataset:
    if isinstance(one, Dataset):
        return one
    evidence = Dataset()
    evidence.StudyInstanceUID, evidence.SeriesInstanceUID = one.study_uid, one.series_uid
    evidence.SOPClassUID, evidence.SOPInstanceUID = one.sop_class_uid, one.sop_uid
    if one.is_image:
        evidence.Rows = evidence.Columns = 1  # by these highdicom tells an image
    return evidence


def _modifier(reason: Code) -> hd.sr.CodeContentItem:
    return hd.sr.CodeContentItem(TITLE_MODIFIER, reason, relationship_type=Relationship.HAS_CONCEPT_MOD)


def _person(name: str) -> hd.sr.ObserverContext:
    # A user name is no person name; as a family name alone it is written in the form that is not retired.
    person = name if "^" in name else f"{name}^"
    return hd.sr.ObserverContext(
        observer_type=Code("121006", "DCM", "Person"),
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(name=person),
    )


def _device() -> hd.sr.ObserverContext:
    return hd.sr.ObserverContext(
        observer_type=Code("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", MANUFACTURER_MODEL),
            name=MANUFACTURER_MODEL,
            manufacturer_name=MANUFACTURER,
            model_name=MANUFACTURER_MODEL,
        ),
    )
