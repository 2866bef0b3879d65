"""Which job comes next, and the lock under which a job and its study change together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Greatest, Now

from review.models.intake import Study
from review.models.job_record import JobRecord

if TYPE_CHECKING:
    from review.models.work import Job

RESEND_AT_MOST_S = 600
RETRY_AT_MOST_S = 300


@contextmanager
def locked_study(study_id: int) -> Iterator[None]:
    """One transaction in which nobody else changes the study.

    Whoever writes a job and its study takes the study first, so that no two wait for each other, and a process
    that is killed leaves both or neither.
    """
    with transaction.atomic():
        Study.everything.select_for_update().get(pk=study_id)
        yield


class JobQuerySet(models.QuerySet["Job"]):
    """Which job comes next, and which were left lying."""

    def claim(self, stage: JobRecord.Stage, owner: str, lease_s: int) -> Job | None:
        """Take the queued job of this stage with the highest priority, oldest first; None when there is none.

        A message is only a ticket for "a job of this stage", so a lost or doubled one does no harm.
        """
        ready = self.due(stage)
        while (first := ready.values_list("pk", "study_id").first()) is not None:
            job_id, study_id = first
            with locked_study(study_id):
                job = ready.filter(pk=job_id).select_for_update().first()
                if job is not None:  # else another worker was quicker
                    job._start(owner, lease_s)
                    return job
        return None

    def silent(self) -> JobQuerySet:
        """Running jobs whose worker let the lease run out, or whose lease the clock has outrun by going back."""
        impossible = Now() + timedelta(seconds=3 * settings.LEASE_S)
        over = models.Q(lease_until__lt=Now()) | models.Q(lease_until__gt=impossible)
        return self.filter(over, state=JobRecord.State.RUNNING)

    def due(self, stage: JobRecord.Stage) -> JobQuerySet:
        """Queued jobs of this stage that a worker may take now, the one that comes first in front."""
        ready = self.filter(stage=stage, state=JobRecord.State.QUEUED, not_before__lte=Now())
        return ready.order_by("-priority", "queued_at", "pk")

    def wake(self) -> int:
        """Let the jobs that wait for a part of the system to come back try at once; how many."""
        waiting = self.filter(state=JobRecord.State.QUEUED, retries__gt=0, not_before__gt=Now())
        return waiting.update(not_before=Now(), send_at=Now(), sends=0)

    def mend_times(self) -> int:
        """Bring back times that lie further ahead than any wait is long, because the clock went back; how many."""
        longest = Now() + timedelta(seconds=2 * RETRY_AT_MOST_S)
        tried = self.filter(models.Q(attempts__gt=0) | models.Q(retries__gt=0), state=JobRecord.State.QUEUED)
        late = tried.filter(not_before__gt=longest).update(not_before=Now(), send_at=Now())
        sent = Greatest(Now(), models.F("not_before")) + timedelta(seconds=2 * RESEND_AT_MOST_S)
        return late + self.filter(state=JobRecord.State.QUEUED, send_at__gt=sent).update(
            send_at=models.F("not_before")
        )

    def unbegun(self) -> JobQuerySet:
        """Queued jobs of which no stage was ever begun, and that no person asked for: they follow changed rules."""
        return self.filter(state=JobRecord.State.QUEUED, started_at=None, requested_by="")

    def unsent(self) -> JobQuerySet:
        """Queued jobs that are due for a message: never sent, waited for, or perhaps lost by the broker."""
        return self.filter(state=JobRecord.State.QUEUED, send_at__lte=Now())
