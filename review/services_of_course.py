"""Writes about a patient's course: treatment events, and how the course is to be read. All on record."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from review.audit import record
from review.course_facts import EventKind, PatientKey
from review.longitudinal import linked_with
from review.models import AuditAction, IdentityLink, PatientSetting, Study, TreatmentEvent
from review.patients import key_of
from review.stale_lesions import course_changed

FIELD_OF = {EventKind.STEROID_DOSE: "dose_mg", EventKind.CLINICAL_STATUS: "status"}
"""Kinds of event that say nothing without their value."""
ALLOWED = {
    "dose_mg": (EventKind.STEROID_DOSE,),
    "status": (EventKind.CLINICAL_STATUS,),
    "histology": (EventKind.SURGERY, EventKind.BIOPSY),
    "idh": (EventKind.DIAGNOSIS, EventKind.SURGERY, EventKind.BIOPSY),
}
"""Values, and the kinds of event that may carry them."""


class CannotRecordError(Exception):
    """An event or a setting cannot be as it was given; the text says why."""


@transaction.atomic
def add_event(patient: PatientKey, *, by: str, **values: Any) -> TreatmentEvent:
    """Enter an event.

    Raises:
        CannotRecordError: it lacks its value, carries one of another kind, or lies in the future.
    """
    event = TreatmentEvent(**TreatmentEvent.columns_of(patient), by=by, **values)
    _check(event)
    event.save()
    _note(event, by, "added")
    return event


@transaction.atomic
def change_event(event: TreatmentEvent, *, by: str, **values: Any) -> TreatmentEvent:
    """Correct an event: the old one stays as history, a new one takes its place.

    Raises:
        CannotRecordError: as for a new one, or somebody removed it meanwhile.
    """
    remove_event(event, by=by)
    kind = values.get("kind", event.kind)
    carried = (name for name, kinds in ALLOWED.items() if kind in kinds)
    kept = {name: getattr(event, name) for name in ("kind", "on", "note", *carried)}
    return add_event(event.patient, by=by, **{**kept, **values})


@transaction.atomic
def remove_event(event: TreatmentEvent, *, by: str) -> None:
    """Take an event out of the course.

    Raises:
        CannotRecordError: somebody removed it already.
    """
    standing = TreatmentEvent.objects.filter(pk=event.pk, removed_at=None)
    if not standing.update(removed_at=timezone.now(), removed_by=by):
        raise CannotRecordError("Somebody removed or changed this event already.")
    _note(event, by, "removed")


def _check(event: TreatmentEvent) -> None:
    kind = EventKind(event.kind)
    needed = FIELD_OF.get(kind)
    if needed and getattr(event, needed) in (None, ""):
        raise CannotRecordError(f"An event of kind {kind} needs its {needed}.")
    for name, kinds in ALLOWED.items():
        if getattr(event, name) not in (None, "") and kind not in kinds:
            raise CannotRecordError(f"An event of kind {kind} has no {name}.")
    if event.on > timezone.localdate():
        raise CannotRecordError(f"{event.on} lies in the future.")
    if event.on < date(1900, 1, 1):
        raise CannotRecordError(f"{event.on} lies too far back.")


def _note(event: TreatmentEvent, by: str, what: str) -> None:
    record(
        AuditAction.EVENT_CHANGED,
        by,
        patient_id=event.patient_id,
        what=what,
        event=event.pk,
        kind=event.kind,
        on=event.on.isoformat(),
    )


@transaction.atomic
def set_reading(
    patient: PatientKey, *, by: str, setting: str, profile: str, baseline: Study | None
) -> PatientSetting:
    """Say how the course is to be read.

    Raises:
        CannotRecordError: the baseline is a study of somebody else.
    """
    if baseline is not None and key_of(baseline) not in linked_with(patient):
        raise CannotRecordError("The baseline has to be a study of this patient.")
    values = {
        "setting": setting,
        "profile": profile,
        "baseline": baseline,
        "by": by,
        "at": timezone.now(),
    }
    row, _ = PatientSetting.objects.update_or_create(defaults=values, **PatientSetting.columns_of(patient))
    record(
        AuditAction.EVENT_CHANGED,
        by,
        patient_id=patient.patient_id,
        what="reading",
        setting=setting,
        profile=profile,
        baseline=baseline.study_uid if baseline else "",
    )
    return row


@transaction.atomic
def link_patients(one: PatientKey, other: PatientKey, *, by: str) -> IdentityLink:
    """Say that two patient IDs are one person's: their visits and events are read as one course.

    Raises:
        CannotRecordError: one has no patient ID, or they belong together already.
    """
    if not one.patient_id or not other.patient_id:
        raise CannotRecordError("A study without patient ID cannot be linked.")
    if other in linked_with(one):
        raise CannotRecordError("These two belong together already.")
    row = IdentityLink.objects.create(
        patient_id=one.patient_id,
        patient_id_issuer=one.issuer,
        other_id=other.patient_id,
        other_id_issuer=other.issuer,
        by=by,
    )
    _note_link(row, by, "linked")
    course_changed(one)
    return row


@transaction.atomic
def unlink_patients(link: IdentityLink, *, by: str) -> None:
    """Take a link back; visits and events go with their own IDs again.

    Raises:
        CannotRecordError: somebody took it back already.
    """
    standing = IdentityLink.objects.filter(pk=link.pk, unlinked_at=None)
    if not standing.update(unlinked_at=timezone.now(), unlinked_by=by):
        raise CannotRecordError("Somebody took this link back already.")
    _note_link(link, by, "unlinked")
    for end in link.ends:
        course_changed(end)


def _note_link(link: IdentityLink, by: str, what: str) -> None:
    record(
        AuditAction.IDENTITY_LINKED,
        by,
        patient_id=link.patient_id,
        what=what,
        link=link.pk,
        other=link.other_id,
    )
