"""Jobs: one per study, chosen series and model. Work is claimed by taking a lease on the row."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from review.models.intake import Study
from review.models.settings import QualityPolicy
from segmentation.types import Phase

RESEND_AFTER_S = 10
RESEND_AT_MOST_S = 600
RETRY_AFTER_S = 5
RETRY_AT_MOST_S = 300
REPUBLISH_AT_MOST = 3
RETRIES = 300
"""With five minutes between most of them, a PACS may be away for a day before a job gives up."""


class LostLeaseError(Exception):
    """Another worker has this job now; what this one did is not to be recorded."""


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

    def claim(self, stage: Job.Stage, owner: str, lease_s: int) -> Job | None:
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
        return self.filter(over, state=Job.State.RUNNING)

    def due(self, stage: Job.Stage) -> JobQuerySet:
        """Queued jobs of this stage that a worker may take now, the one that comes first in front."""
        ready = self.filter(stage=stage, state=Job.State.QUEUED, not_before__lte=Now())
        return ready.order_by("-priority", "queued_at", "pk")

    def wake(self) -> int:
        """Let the jobs that wait for a part of the system to come back try at once; how many."""
        waiting = self.filter(state=Job.State.QUEUED, retries__gt=0, not_before__gt=Now())
        return waiting.update(not_before=Now(), send_at=Now(), sends=0)

    def mend_times(self) -> int:
        """Bring back times that lie further ahead than any wait is long, because the clock went back; how many."""
        longest = Now() + timedelta(seconds=2 * RETRY_AT_MOST_S)
        tried = self.filter(models.Q(attempts__gt=0) | models.Q(retries__gt=0), state=Job.State.QUEUED)
        late = tried.filter(not_before__gt=longest).update(not_before=Now(), send_at=Now())
        sent = Greatest(Now(), models.F("not_before")) + timedelta(seconds=2 * RESEND_AT_MOST_S)
        return late + self.filter(state=Job.State.QUEUED, send_at__gt=sent).update(
            send_at=models.F("not_before")
        )

    def unbegun(self) -> JobQuerySet:
        """Queued jobs of which no stage was ever begun, and that no person asked for: they follow changed rules."""
        return self.filter(state=Job.State.QUEUED, started_at=None, requested_by="")

    def unsent(self) -> JobQuerySet:
        """Queued jobs that are due for a message: never sent, waited for, or perhaps lost by the broker."""
        return self.filter(state=Job.State.QUEUED, send_at__lte=Now())


class Job(models.Model):
    """The work on one study with these series and this model, and where it stands."""

    class Stage(models.TextChoices):
        """The three actors a job goes through."""

        PREPARE = "prepare", "Prepare"
        INFER = "infer", "Infer"
        PUBLISH = "publish", "Publish"

    class State(models.TextChoices):
        """Where a job stands."""

        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        SUPERSEDED = "superseded", "Superseded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="jobs")
    series_key = models.CharField(
        max_length=64, help_text="Digest of the chosen series and of their instances"
    )
    chosen = models.JSONField(help_text="Role -> series_uid, orthanc_id, instances_digest, description")
    model_name = models.CharField(max_length=64)
    model_version = models.CharField(max_length=64)
    phase = models.CharField(max_length=8, choices=[(phase.value, phase.value) for phase in Phase])
    quality_policy = models.CharField(
        max_length=8, choices=QualityPolicy.choices, default=QualityPolicy.STANDARD
    )
    priority = models.IntegerField(default=0)
    rule_set = models.PositiveIntegerField(
        null=True, blank=True, help_text="Number of the version of the rule set that it was made under"
    )
    rule_name = models.CharField(
        max_length=100, blank=True, help_text="The rule that wanted it, as then called"
    )
    destinations = models.JSONField(default=list, blank=True)
    requested_by = models.CharField(
        max_length=150, blank=True, help_text="Who asked for it again, if anyone did"
    )

    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.PREPARE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED, db_index=True)
    progress = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Starts of this stage without an end")
    retries = models.PositiveIntegerField(
        default=0, help_text="Times this stage waited for Orthanc or for the storage"
    )
    start_overs = models.PositiveIntegerField(
        default=0, help_text="Times it began anew because its files were gone"
    )
    republished = models.PositiveIntegerField(
        default=0, help_text="Times its results were stored again because Orthanc had lost them"
    )
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=timezone.now)
    send_at = models.DateTimeField(
        default=timezone.now, help_text="When the sweeper sends its message (again)"
    )
    sends = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    queued_first_at = models.DateTimeField(default=timezone.now, help_text="When its first stage was queued")
    queued_at = models.DateTimeField(default=timezone.now, help_text="When the present stage was queued")
    stage_started_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Seconds per stage, and under <stage>_queue those waited before it",
    )
    step_seconds = models.JSONField(default=dict, blank=True, help_text="Stage -> its own steps -> seconds")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["study", "series_key", "model_name", "model_version"],
                name="one_job_per_series_and_model",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["stage", "state", "-priority", "queued_at"])
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def edited_by(self) -> str:
        """The reader whose mask it measures; empty for a model's."""
        correction = getattr(self, "correction", None)
        return correction.by if correction else ""

    @property
    def all_seconds(self) -> dict[str, float]:
        """Seconds per stage, `<stage>_queue` before it, and once it has ended those in all."""
        if self.finished_at is None:
            return dict(self.seconds)
        return {**self.seconds, "total": round((self.finished_at - self.queued_first_at).total_seconds(), 2)}

    def _start(self, owner: str, lease_s: int) -> None:
        now = timezone.now()
        self.state, self.attempts = Job.State.RUNNING, self.attempts + 1
        self.lease_owner, self.lease_until = owner, now + timedelta(seconds=lease_s)
        self.stage_started_at, self.started_at = now, self.started_at or now
        waited_s = (now - self.queued_at).total_seconds()
        self.seconds = {**self.seconds, f"{self.stage}_queue": round(waited_s, 2)}
        self.progress = f"{self.get_stage_display()} started"
        self.save()
        self.renew(lease_s)  # by the clock of the database: those of the hosts may differ
        self._tell_study(Study.State.PROCESSING, self.progress)

    def renew(self, lease_s: int) -> bool:
        """Keep the lease; False when it is another worker's by now."""
        return self._mine().update(lease_until=Now() + timedelta(seconds=lease_s)) == 1

    def report(self, text: str) -> None:
        """Say on the worklist what is being done, for example "registering FLAIR"."""
        sentence = text[:1].upper() + text[1:200]
        with locked_study(self.study_id):
            if self._mine().update(progress=sentence):
                self._tell_study(Study.State.PROCESSING, sentence)

    def advance(self, stage: Job.Stage, steps: dict[str, float]) -> None:
        """End this stage and queue the next.

        Raises:
            LostLeaseError: another worker took the job over.
        """
        progress = f"Waiting for {stage.label.lower()}"
        with locked_study(self.study_id):
            self._end(steps, stage=stage, state=Job.State.QUEUED, progress=progress, **self._queued_again())
            self._tell_study(Study.State.PROCESSING, progress)

    def finish(self, steps: dict[str, float]) -> None:
        """End the last stage: the results are in Orthanc and the numbers in the database.

        Raises:
            LostLeaseError: another worker took the job over.
        """
        with locked_study(self.study_id):
            self._end(steps, state=Job.State.DONE, progress="", error="", finished_at=timezone.now())
            self._tell_study(Study.State.DONE, "")

    def supersede(self) -> bool:
        """Give up work that a newer job of the study replaces; False when it has ended already."""
        open_states = [Job.State.QUEUED, Job.State.RUNNING]
        ended = Job.objects.filter(pk=self.pk, state__in=open_states).update(
            state=Job.State.SUPERSEDED,
            progress="",
            lease_owner="",
            lease_until=None,
            finished_at=timezone.now(),
        )
        return bool(ended)

    def fail(self, text: str) -> bool:
        """End for good, with the reason in words for people; False when another worker has the job."""
        values = {"state": Job.State.FAILED, "error": text, "progress": "", "finished_at": timezone.now()}
        with locked_study(self.study_id):
            ended = self._mine().update(**values, lease_owner="", lease_until=None)
            if ended:
                self._tell_study(Study.State.FAILED, text)
        return bool(ended)

    def wait_for_orthanc(self, text: str) -> None:
        """Queue the stage again for later, longer each time, and give up after `RETRIES`."""
        self._wait(f"Orthanc does not answer, trying again: {text}", text)

    def wait_for_storage(self, text: str) -> None:
        """The same where the folder for artefacts is away or full, which is no fault of this job."""
        self._wait(f"The storage is not well, trying again: {text}", text)

    def _wait(self, progress: str, text: str) -> None:
        if self.retries >= RETRIES:
            self.fail(f"Gave up after {self.retries} tries: {text}")
            return
        delay = timedelta(seconds=min(RETRY_AFTER_S * 2 ** min(self.retries, 10), RETRY_AT_MOST_S))
        self._put_back(delay, progress, attempts=0, retries=self.retries + 1)

    def start_over(self, text: str, max_start_overs: int) -> None:
        """Begin anew at the first stage, because the files of the stages before are gone; not without end."""
        if self.start_overs >= max_start_overs:
            self.fail(text)
            return
        anew = {"stage": Job.Stage.PREPARE, "attempts": 0, "retries": 0, "start_overs": self.start_overs + 1}
        self._put_back(timedelta(seconds=RETRY_AFTER_S), f"Starting over: {text}", **anew)

    def publish_again(self) -> bool:
        """Queue the last stage of a finished job, because Orthanc lost its results.

        False when it stands otherwise, or when that was done so often that somebody seems to remove them on purpose.
        """
        done = Job.objects.filter(pk=self.pk, state=Job.State.DONE, republished__lt=REPUBLISH_AT_MOST)
        with locked_study(self.study_id):
            again = done.update(
                stage=Job.Stage.PUBLISH,
                state=Job.State.QUEUED,
                progress="",
                finished_at=None,
                start_overs=0,
                republished=models.F("republished") + 1,
                **self._queued_again(),
            )
            if again:
                self._tell_study(Study.State.PROCESSING, "Results are missing in Orthanc: storing them again")
        return bool(again)

    def stumble(self, text: str, max_attempts: int) -> None:
        """Queue the stage again after an unforeseen end, or fail when that was tried often enough."""
        if self.attempts >= max_attempts:
            self.fail(text)
            return
        self._put_back(timedelta(seconds=RETRY_AFTER_S), f"Trying again: {text}")

    def hand_back(self) -> bool:
        """Queue the stage again because its worker stops, which is no failed attempt; False when it is not ours."""
        attempts = max(self.attempts - 1, 0)
        with locked_study(self.study_id):
            back = self._mine().update(
                state=Job.State.QUEUED,
                progress="",
                lease_owner="",
                lease_until=None,
                attempts=attempts,
                **self._due_at_once(),
            )
            if back:
                self._tell_study(Study.State.PROCESSING, f"Waiting for {self.get_stage_display().lower()}")
        return bool(back)

    def restart(self, by: str) -> bool:
        """Queue a failed or superseded job from its first stage; False when it stands otherwise."""
        ended = Job.objects.filter(pk=self.pk, state__in=[Job.State.FAILED, Job.State.SUPERSEDED])
        anew: dict[str, Any] = {
            "stage": Job.Stage.PREPARE,
            "state": Job.State.QUEUED,
            "error": "",
            "progress": "",
            "requested_by": by,
            "finished_at": None,
            "started_at": None,
            "start_overs": 0,
            "seconds": {},
            "step_seconds": {},
            "queued_first_at": timezone.now(),
        }
        with locked_study(self.study_id):
            again = ended.update(**anew, **self._queued_again())
            if again:
                self.refresh_from_db()
                self._tell_study(Study.State.QUEUED, "")
        return bool(again)

    def mark_sent(self) -> None:
        """Note that a message goes out now; the next, should it be lost, goes later, each time after longer."""
        delay_s = min(RESEND_AFTER_S * 2 ** min(self.sends, 10), RESEND_AT_MOST_S)
        Job.objects.filter(pk=self.pk).update(
            sends=models.F("sends") + 1, send_at=Now() + timedelta(seconds=delay_s)
        )

    def mark_unsent(self) -> None:
        """Note that the message did not go out: it is due at once."""
        Job.objects.filter(pk=self.pk).update(send_at=Now())

    def _put_back(self, delay: timedelta, text: str, **fields: Any) -> None:
        then = Now() + delay
        values: dict[str, Any] = {
            "state": Job.State.QUEUED,
            "progress": text[:200],
            "lease_owner": "",
            "lease_until": None,
            **fields,
        }
        with locked_study(self.study_id):
            if self._mine().update(**values, not_before=then, send_at=then, sends=0):
                self._tell_study(Study.State.PROCESSING, text)

    def _queued_again(self) -> dict[str, Any]:
        return {"attempts": 0, "retries": 0, "queued_at": Now(), **self._due_at_once()}

    @staticmethod
    def _due_at_once() -> dict[str, Any]:
        # The clock of the database decides when a job is due.
        return {"not_before": Now(), "send_at": Now(), "sends": 0}

    def _end(self, steps: dict[str, float], **fields: Any) -> None:
        started = self.stage_started_at or timezone.now()
        seconds = {**self.seconds, self.stage: round((timezone.now() - started).total_seconds(), 2)}
        step_seconds = {
            **self.step_seconds,
            self.stage: {name: round(value, 2) for name, value in steps.items()},
        }
        values = {
            **fields,
            "seconds": seconds,
            "step_seconds": step_seconds,
            "lease_owner": "",
            "lease_until": None,
        }
        if not self._mine().update(**values):
            raise LostLeaseError(f"Job {self.pk} was taken over at stage {self.stage}.")
        self.refresh_from_db()

    def _mine(self) -> models.QuerySet[Job]:
        return Job.objects.filter(pk=self.pk, state=Job.State.RUNNING, lease_owner=self.lease_owner)

    def _tell_study(self, state: Study.State, reason: str) -> None:
        # An older job that runs on while its successor waits must not speak for the study.
        study = Study.everything.filter(pk=self.study_id, current_job=self.pk).first()
        if study is not None:
            study.move(state, reason)
