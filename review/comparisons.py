"""Asking for a comparison of two visits, finding it, and taking it away."""

from __future__ import annotations

from datetime import date, time

from django.db import transaction
from django.db.models.functions import Now

from review.audit import record
from review.longitudinal import key_of, linked_with
from review.models import AuditAction, Comparison, Result, Study
from review.tasks import send_ticket


class CannotCompareError(Exception):
    """Two visits cannot be compared; the text says why."""


def in_order(one: Study, other: Study) -> tuple[Study, Study]:
    """The later and the earlier of two visits; one without a date counts as the earlier.

    Raises:
        CannotCompareError: it is one visit, or the two are of different patients.
    """
    if one.pk == other.pk:
        raise CannotCompareError("Two visits are needed to compare.")
    if key_of(other) not in linked_with(key_of(one)):
        raise CannotCompareError("These studies are of two patients.")
    earlier, later = sorted((one, other), key=_moment)
    return later, earlier


def _moment(study: Study) -> tuple[date, time, int]:
    return study.study_date or date.min, study.study_time or time.min, study.pk


def comparison_of(later: Study, earlier: Study) -> Comparison | None:
    """What was made, or is being made, of the results that speak for two visits now."""
    return Comparison.objects.filter(
        later__study=later, later__superseded_by=None, earlier__study=earlier, earlier__superseded_by=None
    ).first()


@transaction.atomic
def ask_for_comparison(later: Study, earlier: Study, *, by: str) -> Comparison:
    """Let the images of two visits be laid on each other; one that failed is tried again.

    Raises:
        CannotCompareError: a visit has no result that counts.
    """
    comparison, is_new = Comparison.objects.get_or_create(
        later=_counted(later), earlier=_counted(earlier), defaults={"asked_by": by}
    )
    if not is_new:
        failed = Comparison.objects.filter(pk=comparison.pk, state=Comparison.State.FAILED)
        is_new = bool(failed.update(state=Comparison.State.WAITING, tries=0, try_at=Now(), words=""))
    if is_new:
        record(AuditAction.COMPARED, by, study=later, earlier=earlier.study_uid)
        transaction.on_commit(lambda: send_ticket(comparison))
    comparison.refresh_from_db()
    return comparison


def _counted(study: Study) -> Result:
    result = Result.objects.counted("WT").filter(study=study).select_related("job").first()
    if result is None:
        raise CannotCompareError(f"The visit of {study.study_date or 'no date'} has no result that counts.")
    return result


@transaction.atomic
def remove_comparison(comparison: Comparison, *, by: str) -> None:
    """Take the derived images out of Orthanc, and the comparison with them."""
    Comparison.objects.filter(pk=comparison.pk).update(state=Comparison.State.REMOVING, tries=0, try_at=Now())
    record(AuditAction.COMPARED, by, study=comparison.later.study, removed=True)
    transaction.on_commit(lambda: send_ticket(comparison))
