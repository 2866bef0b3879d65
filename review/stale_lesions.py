"""Which visits have to be joined anew, lesion by lesion, after another visit of the patient changed."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from review.course_facts import PatientKey
from review.longitudinal import key_of, linked_with
from review.models import Following, Study
from review.tasks import send_ticket


def later_visits_changed(study: Study) -> None:
    """Note that the visits of the patient after this one have to be joined anew, oldest first."""
    if study.study_date is None:
        return
    later = Q(result__study__study_date__gt=study.study_date)
    if study.study_time is not None:
        same_day = Q(
            result__study__study_date=study.study_date, result__study__study_time__gt=study.study_time
        )
        later |= same_day
    _join_anew(key_of(study), later)


def course_changed(patient: PatientKey) -> None:
    """Note that all visits of a patient have to be joined anew, as other visits came to them or left them."""
    _join_anew(patient, Q())


def of_person(patient: PatientKey) -> Q:
    """The followings of the visits of a patient, under all linked IDs; of none where there is no patient ID."""
    found = Q(pk__in=[])
    for key in linked_with(patient):
        if key.patient_id:
            found |= Q(result__study__patient_id=key.patient_id, result__study__patient_id_issuer=key.issuer)
    return found


def _join_anew(patient: PatientKey, which: Q) -> None:
    found = Following.objects.filter(of_person(patient), which, result__superseded_by=None)
    now = timezone.now()
    if found.update(stale_at=now, try_at=now, tries=0):
        first = found.order_by("result__study__study_date", "result__study__study_time").first()
        if first is not None:
            transaction.on_commit(lambda: send_ticket(first))
