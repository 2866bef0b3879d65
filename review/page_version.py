"""Whether what a study's pages show may have changed, from a few counts: a poll then renders nothing.

Whatever moves the study's own `changed_at` (state, result, verdict, correction) needs no count of its own. What is
not named here shows after a minute at the latest, because the minute is part of the version.
"""

from __future__ import annotations

import hashlib

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from review.models import (
    Algorithm,
    CopiedReport,
    Correction,
    Delivery,
    Flag,
    IdentityLink,
    PatientSetting,
    ResultObject,
    Series,
    Study,
    TemplateVersion,
    TreatmentEvent,
)

MINUTE_S = 60


def version_of(study_uid: str, reader: str) -> str:
    """A word that differs where the pages of the study differ for this reader; the study may not be there."""
    row = Study.objects.filter(study_uid=study_uid).values_list(
        "pk", "changed_at", "patient_id", "patient_id_issuer"
    )
    found = row.first()
    minute = int(timezone.now().timestamp() // MINUTE_S)
    parts: list[object] = [study_uid, reader, minute, found]
    if found is not None:
        parts += _of_study(found[0]) + _of_patient(found[2], found[3]) + _of_site()
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _of_study(study_id: int) -> list[object]:
    jobs_of_edits = Correction.objects.filter(result__study=study_id).order_by("pk")
    return [
        CopiedReport.objects.filter(result__study=study_id).count(),
        list(Flag.objects.filter(result__study=study_id).values_list("pk", "note_sop_uid", "note_error")),
        list(jobs_of_edits.values_list("job__state", "job__error")),
        list(Series.objects.filter(study=study_id, is_chosen=True).order_by("pk").values_list("pk", "role")),
        ResultObject.objects.filter(result__study=study_id).count(),
        list(_states(Delivery.objects.filter(item__result__study=study_id))),
    ]


def _states(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery, tuple[str, int]]:
    return deliveries.order_by("state").values_list("state").annotate(count=Count("pk"))


def _of_patient(patient_id: str, issuer: str) -> list[object]:
    """The course, also under linked IDs: any link, and any event or setting of anybody, counts as a change."""
    visits = Study.objects.filter(patient_id=patient_id, patient_id_issuer=issuer) if patient_id else None
    return [
        visits.aggregate(Max("changed_at"), Count("pk")) if visits is not None else None,
        TreatmentEvent.objects.aggregate(Max("at"), Max("removed_at")),
        PatientSetting.objects.aggregate(Max("at"), Count("pk")),
        IdentityLink.objects.aggregate(Max("at"), Count("pk")),
    ]


def _of_site() -> list[object]:
    return [
        TemplateVersion.objects.aggregate(Max("pk"), Count("pk")),
        list(Algorithm.objects.filter(is_installed=True).order_by("pk").values_list("pk", flat=True)),
    ]
