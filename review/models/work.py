"""Jobs: one per study, chosen series and model. Work is claimed by taking a lease on the row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from review.models.intake import Study
from review.models.job_queue import RESEND_AT_MOST_S, RETRY_AT_MOST_S, JobQuerySet, locked_study
from review.models.job_record import JobRecord

RESEND_AFTER_S = 10
RETRY_AFTER_S = 5
REPUBLISH_AT_MOST = 3
RETRIES = 300
"""With five minutes between most of them, a PACS may be away for a day before a job gives up."""


class LostLeaseError(Exception):
    """Another worker has this job now; what this one did is not to be recorded."""


class Job(JobRecord):
    """The work on one study with these series and this model, and where it stands."""

    objects = JobQuerySet.as_manager()

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
