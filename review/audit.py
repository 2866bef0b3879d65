"""Writing and reading the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from review.models import AuditAction, AuditEntry, Study

VIEW_COUNTS_FOR_S = 600
"""A page asks again every few seconds, a viewer for every frame: one line per person, study and ten minutes."""


def record(
    action: AuditAction, by: str, *, study: Study | None = None, patient_id: str = "", **details: Any
) -> AuditEntry:
    """Add a line. Call it in the transaction of what it speaks of, so that both stand or neither.

    `details` must be JSON; no patient names. The patient of a study is taken from the study.
    """
    return AuditEntry.objects.create(
        action=action,
        by=by[:150],
        study_uid=study.study_uid if study else "",
        patient_id=(study.patient_id if study else patient_id)[:64],
        details=details,
    )


def record_view(by: str, study: Study) -> None:
    """Note that somebody saw a study; again only after ten minutes."""
    if cache.add(_seen_key(by, study.study_uid), True, VIEW_COUNTS_FOR_S):
        _record_view(by, study)


def record_view_of(by: str, study_uid: str) -> None:
    """The same by UID alone, for the images of a viewer; asks the database once in ten minutes and process."""
    if cache.add(_seen_key(by, study_uid), True, VIEW_COUNTS_FOR_S):
        study = Study.objects.filter(study_uid=study_uid).first()
        if study is not None:
            _record_view(by, study)


def _seen_key(by: str, study_uid: str) -> str:
    # Any name and UID, in the short plain form that every cache takes.
    return f"viewed-{hashlib.sha256(f'{by} {study_uid}'.encode()).hexdigest()}"


def _record_view(by: str, study: Study) -> None:
    # The cache is that of one process: another may have noted it.
    since = timezone.now() - timedelta(seconds=VIEW_COUNTS_FOR_S)
    noted = AuditEntry.objects.filter(
        action=AuditAction.VIEWED, by=by, study_uid=study.study_uid, at__gt=since
    )
    if not noted.exists():
        record(AuditAction.VIEWED, by, study=study)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What of the log is asked for; empty means all. Days are counted in the time zone of the site."""

    action: str = ""
    by: str = ""
    about: str = ""
    first_day: date | None = None
    last_day: date | None = None

    def entries(self) -> QuerySet[AuditEntry]:
        """The lines, newest first."""
        found = AuditEntry.objects.all()
        if self.action:
            found = found.filter(action=self.action)
        if self.by:
            found = found.filter(by__icontains=self.by)
        if self.about:
            found = found.filter(Q(study_uid=self.about) | Q(patient_id=self.about))
        if self.first_day:
            found = found.filter(at__date__gte=self.first_day)
        if self.last_day:
            found = found.filter(at__date__lte=self.last_day)
        return found


CSV_HEAD = ("at", "by", "action", "study_uid", "patient_id", "details")


def csv_rows(entries: QuerySet[AuditEntry]) -> Iterator[tuple[str, ...]]:
    """The lines as columns of text, below `CSV_HEAD`; times in UTC."""
    for entry in entries.iterator(chunk_size=2000):
        details = "; ".join(f"{name}: {value}" for name, value in sorted(entry.details.items()))
        yield (
            entry.at.isoformat(timespec="seconds"),
            entry.by,
            entry.action,
            entry.study_uid,
            entry.patient_id,
            details,
        )
