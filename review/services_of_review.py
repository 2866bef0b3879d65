"""Writes of readers about results: flag as poor, undo, a second opinion, accept, withdraw."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from review.audit import record
from review.models import Acceptance, AuditAction, Flag, Opinion, Result, Study
from review.models.job_queue import locked_study
from review.stale_lesions import later_visits_changed
from review.tasks import send_ticket

log = logging.getLogger(__name__)


class CannotReviewError(Exception):
    """A verdict cannot be given as asked; the text says why."""


def flag_as_poor(result: Result, *, reason: str, by: str, compartment: str = "", text: str = "") -> Flag:
    """Say that a mask, or one compartment of it, is poor: its numbers no longer count anywhere.

    Raises:
        CannotReviewError: it is flagged so already, or the reason is "other" and no words say what.
    """
    text = text.strip()
    if reason == Flag.Reason.OTHER and not text:
        raise CannotReviewError("Say in words what is wrong.")
    with locked_study(result.study_id):
        standing = result.flags.filter(compartment=compartment, undone_at=None).first()
        if standing is not None:
            raise CannotReviewError(f"This is flagged already, by {standing.by}.")
        flag = Flag.objects.create(result=result, compartment=compartment, reason=reason, text=text, by=by)
        record(
            AuditAction.FLAGGED,
            by,
            study=result.study,
            result=result.pk,
            compartment=compartment,
            reason=reason,
        )
        _touch(result)
        later_visits_changed(result.study)
        transaction.on_commit(lambda: send_ticket(flag))
    log.info("result %s flagged: %s", result.pk, reason)
    return flag


def undo_flag(flag: Flag, *, by: str) -> None:
    """Take a flag back: the numbers count again. The flag stays as history.

    Raises:
        CannotReviewError: it was taken back before.
    """
    with locked_study(flag.result.study_id):
        now = timezone.now()
        if not Flag.objects.filter(pk=flag.pk, undone_at=None).update(undone_by=by, undone_at=now):
            raise CannotReviewError("This flag was taken back already.")
        record(AuditAction.UNFLAGGED, by, study=flag.result.study, result=flag.result_id, flag=flag.pk)
        _touch(flag.result)
        later_visits_changed(flag.result.study)
    flag.refresh_from_db()
    log.info("flag %s undone", flag.pk)


def give_opinion(flag: Flag, *, agrees: bool, by: str, text: str = "") -> Opinion:
    """A second reader's word on a flag; whoever disagrees may undo the flag, which is another step.

    Raises:
        CannotReviewError: the flag is the reader's own, was taken back, or has this reader's opinion already.
    """
    with locked_study(flag.result.study_id):
        flag.refresh_from_db()
        if not flag.stands:
            raise CannotReviewError("This flag was taken back already.")
        if flag.by == by:
            raise CannotReviewError("A second opinion comes from another reader.")
        last = flag.opinions.filter(by=by).last()
        if last is not None and last.agrees == agrees:
            raise CannotReviewError("You said so already.")
        opinion = Opinion.objects.create(flag=flag, agrees=agrees, text=text.strip(), by=by)
        _touch(flag.result)
    return opinion


def accept(result: Result, *, by: str) -> Acceptance:
    """Say that a result was looked at and may stand.

    Raises:
        CannotReviewError: it is superseded, its whole mask is flagged, or this reader accepted it before.
    """
    with locked_study(result.study_id):
        result.refresh_from_db()
        if result.superseded_by_id is not None:
            raise CannotReviewError("A newer result took the place of this one. Look at that one.")
        if result.flags.filter(compartment="", undone_at=None).exists():
            raise CannotReviewError("The mask is flagged as poor. Undo the flag first.")
        if result.acceptances.filter(by=by, withdrawn_at=None).exists():
            raise CannotReviewError("You accepted it already.")
        acceptance = Acceptance.objects.create(result=result, by=by)
        record(AuditAction.ACCEPTED, by, study=result.study, result=result.pk)
        _touch(result)
    log.info("result %s accepted", result.pk)
    return acceptance


def withdraw_acceptance(result: Result, *, by: str) -> None:
    """Take one's own acceptance back.

    Raises:
        CannotReviewError: this reader has not accepted it.
    """
    with locked_study(result.study_id):
        mine = result.acceptances.filter(by=by, withdrawn_at=None)
        if not mine.update(withdrawn_by=by, withdrawn_at=timezone.now()):
            raise CannotReviewError("You have not accepted this result.")
        record(AuditAction.ACCEPTED, by, study=result.study, result=result.pk, withdrawn=True)
        _touch(result)


def _touch(result: Result) -> None:
    """Whoever asks what changed since a moment hears of a verdict too."""
    Study.objects.filter(pk=result.study_id).update(changed_at=timezone.now())
