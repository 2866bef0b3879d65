"""A flag becomes a rejection note (Key Object Selection) in Orthanc and at the destinations of the result.

Safe to run twice: the note's UIDs derive from what it names and from the flag. DICOM knows no way to take a note back,
so an undone flag keeps its note: whoever obeys notes needs a new result, which "try again" makes.
"""

from __future__ import annotations

import logging
from io import BytesIO

from django.db import transaction
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.client import OrthancClient
from orthanc.errors import HopelessError, NotInOrthancError, OrthancUnavailableError
from orthanc.rejection import RejectionReason, write_rejection
from orthanc.types import ObjectKind, ObjectReference
from review.models import Flag, Result, ResultObject
from review.pacs import connect
from review.publish import record_objects, store

log = logging.getLogger(__name__)

REASONS: dict[str, RejectionReason] = {
    Flag.Reason.PROCESSING: RejectionReason.PROCESSING,
    Flag.Reason.ARTEFACT: RejectionReason.ARTEFACT,
    Flag.Reason.MOTION: RejectionReason.MOTION,
    Flag.Reason.WRONG_SERIES: RejectionReason.PROCESSING,
    Flag.Reason.WRONG_REGION: RejectionReason.SOFTWARE,
    Flag.Reason.MISSED: RejectionReason.SOFTWARE,
    Flag.Reason.TOO_MUCH: RejectionReason.SOFTWARE,
    Flag.Reason.VENTRICLE: RejectionReason.SOFTWARE,
    Flag.Reason.POSTOPERATIVE: RejectionReason.SOFTWARE,
    Flag.Reason.OTHER: RejectionReason.UNKNOWN,
}
"""Our reasons in the terms of CID 7011; the words of the flag stand beside the code."""


def note_flag(flag: Flag) -> None:
    """Write the note of a flag, store it and plan its deliveries; what keeps it from that is noted in the flag."""
    try:
        with connect() as pacs:
            note = write_rejection(
                _named(pacs, flag.result),
                REASONS[flag.reason],
                _words(flag),
                made_at=flag.at,
                by=flag.by,
                key=str(flag.pk),
            )
            store(pacs, [note])
    except OrthancUnavailableError as error:
        flag.stumble_over_note(str(error))
    except HopelessError as error:
        flag.stumble_over_note(str(error), hopeless=True)
    else:
        with transaction.atomic():
            record_objects(flag.result, ObjectKind.KOS, [note])
            flag.noted(str(note.SOPInstanceUID))
        log.info("flag %s: rejection note stored", flag.pk)


def _named(pacs: OrthancClient, result: Result) -> list[Dataset | ObjectReference]:
    """The SEG itself, which gives patient and study, and references to the other objects of the result."""
    seg = pacs.find_instance(result.seg_sop_uid)
    if seg is None:
        raise NotInOrthancError("The result is no longer in Orthanc.")
    others = result.dicom_objects.exclude(kind=ObjectKind.KOS).exclude(sop_uid=result.seg_sop_uid)
    return [
        dcmread(BytesIO(pacs.instance_bytes(seg))),
        *(
            ObjectReference(result.study.study_uid, one.series_uid, one.sop_class_uid, sop_uid)
            for one in others
            for sop_uid in _instances(pacs, one)
        ),
    ]


def _instances(pacs: OrthancClient, item: ResultObject) -> list[str]:
    """The SOP UIDs of an object, which may be a whole series of overlays."""
    series = pacs.find_series(item.series_uid) if item.n_instances > 1 else None
    return [item.sop_uid] if series is None else pacs.sop_uids(series)


def _words(flag: Flag) -> str:
    return ". ".join(part for part in (flag.get_reason_display(), flag.compartment, flag.text) if part)
