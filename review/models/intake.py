"""What came in: studies, their series, and what could not be taken."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat, Lower
from django.utils import timezone

from orthanc.types import SEEN_CONFIDENCE, Role, RoleGuess, SeriesHeader, StudyHeader
from review.site_scope import SiteScope, current_scope


class PatientStudies(models.Manager["Study"]):
    """The studies of patients: what any list, count or search means by studies."""

    def get_queryset(self) -> models.QuerySet[Study]:
        """Without the phantom studies of heartbeats; within a request only those that whoever asks may see."""
        found, scope = super().get_queryset().filter(is_heartbeat=False), current_scope()
        return found.filter(_within(scope)) if scope else found


def _within(scope: SiteScope) -> Q:
    """Studies of the sites, and all others of their patients: a course is seen whole or not at all."""
    sites = Q(institution__in=scope.institutions) | Q(calling_aet__in=scope.calling_aets)
    of_patient = Study.everything.exclude(patient_id="").filter(
        sites, patient_id=OuterRef("patient_id"), patient_id_issuer=OuterRef("patient_id_issuer")
    )
    wanted = sites | Exists(of_patient) | Q(study_uid__in=scope.study_uids)
    for patient_id, issuer in scope.patients:
        wanted |= Q(patient_id=patient_id, patient_id_issuer=issuer)
    return wanted


class Study(models.Model):
    """One visit of a patient, where it stands, and why, in words for people."""

    class State(models.TextChoices):
        """Where a study stands."""

        RECEIVING = "receiving", "Receiving"
        WAITING = "waiting", "Waiting for series"
        NOT_WANTED = "not_wanted", "Not wanted"
        QUEUED = "queued", "Queued"
        PROCESSING = "processing", "Processing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        INCOMPLETE = "incomplete", "Incomplete"

    study_uid = models.CharField(max_length=64, unique=True)
    orthanc_id = models.CharField(max_length=64, blank=True, db_index=True)
    patient_id = models.CharField(max_length=64, blank=True, db_index=True)
    patient_id_issuer = models.CharField(max_length=64, blank=True)
    patient_name = models.CharField(max_length=324, blank=True)
    patient_birth_date = models.DateField(null=True, blank=True)
    patient_sex = models.CharField(max_length=16, blank=True)
    study_date = models.DateField(null=True, blank=True, db_index=True)
    study_time = models.TimeField(null=True, blank=True)
    accession_number = models.CharField(max_length=64, blank=True)
    description = models.CharField(max_length=255, blank=True)
    institution = models.CharField(max_length=255, blank=True)
    calling_aet = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=16, choices=State.choices, default=State.RECEIVING, db_index=True)
    reason = models.TextField(blank=True, help_text="Why the study stands where it stands, for people")
    wait_deadline = models.DateTimeField(null=True, blank=True)
    matched_rule = models.ForeignKey(
        "review.RoutingRule", null=True, blank=True, on_delete=models.SET_NULL, related_name="studies"
    )
    current_job = models.ForeignKey(
        "review.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    current_result = models.ForeignKey(
        "review.Result", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    first_seen_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now, db_index=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="When it was seen gone from Orthanc")
    is_heartbeat = models.BooleanField(default=False, help_text="A phantom of ours that is soon gone again")
    search_text = models.GeneratedField(
        expression=Lower(
            Concat(
                "patient_name", Value(" "), "patient_id", Value(" "), "accession_number", Value(" "),
                "description", Value(" "), "study_uid",
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )  # fmt: skip
    """What a search looks in: one comparison a row."""

    objects = PatientStudies()
    everything = models.Manager["Study"]()

    class Meta:
        verbose_name_plural = "studies"
        ordering: ClassVar[list[str]] = ["-changed_at", "-pk"]
        # One for each way to sort the worklist.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-changed_at", "-id"], name="studies_by_change"),
            models.Index(
                "patient_name",
                "patient_id",
                models.F("study_date").desc(nulls_last=True),
                "id",
                name="studies_by_patient",
            ),
            models.Index(
                models.F("study_date").desc(nulls_last=True),
                models.F("study_time").desc(),
                models.F("id").desc(),
                name="studies_by_date",
            ),
            models.Index(fields=["state", "-changed_at"], name="studies_by_state"),
        ]

    def __str__(self) -> str:
        return self.study_uid

    def move(
        self,
        state: Study.State,
        reason: str,
        *,
        wait_deadline: datetime | None = None,
        only_from: tuple[Study.State, ...] = (),
    ) -> bool:
        """Go to a state, with its reason; False where the row is there already, or not in one of `only_from`.

        A study announced again must not climb the worklist, so `changed_at` moves only with a real change.
        """
        here = Study.everything.filter(pk=self.pk).exclude(
            state=state, reason=reason, wait_deadline=wait_deadline
        )
        if only_from:
            here = here.filter(state__in=only_from)
        moved = here.update(
            state=state, reason=reason, wait_deadline=wait_deadline, changed_at=timezone.now()
        )
        if moved:
            self.refresh_from_db(fields=["state", "reason", "wait_deadline", "changed_at"])
        return bool(moved)

    def mark_deleted(self) -> bool:
        """Say that Orthanc no longer holds the study; its results and numbers stay readable here."""
        now = timezone.now()
        return bool(
            Study.everything.filter(pk=self.pk, deleted_at=None).update(
                deleted_at=now, changed_at=now, reason="Deleted from Orthanc."
            )
        )

    @property
    def is_live(self) -> bool:
        """Whether the worklist should expect this row to change soon."""
        return self.state in {self.State.RECEIVING, self.State.QUEUED, self.State.PROCESSING}


class Series(models.Model):
    """One series: its header, what it was taken for, and why it was or was not chosen."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="series")
    series_uid = models.CharField(max_length=64, unique=True)
    orthanc_id = models.CharField(max_length=64, blank=True)
    header = models.JSONField(default=dict)
    modality = models.CharField(max_length=16, blank=True)
    description = models.CharField(max_length=255, blank=True)
    series_number = models.IntegerField(null=True, blank=True)
    n_images = models.PositiveIntegerField(default=0)
    instances_digest = models.CharField(max_length=64, blank=True)
    is_ours = models.BooleanField(default=False)
    is_stable = models.BooleanField(default=False)
    role = models.CharField(
        max_length=8, default=Role.NONE, choices=[(role.value, role.value) for role in Role]
    )
    role_confidence = models.FloatField(default=0.0)
    role_reason = models.TextField(blank=True)
    is_chosen = models.BooleanField(default=False)
    choice_reason = models.TextField(blank=True)
    flaw = models.TextField(blank=True, help_text="Why its images, as they are now, cannot be used")
    seen_role = models.CharField(
        max_length=8, blank=True, help_text="What its images, as they are now, were seen to be"
    )
    seen_reason = models.TextField(blank=True)
    first_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "series"
        ordering: ClassVar[list[str]] = ["series_number", "series_uid"]

    def __str__(self) -> str:
        return self.series_uid

    def as_seen(self) -> RoleGuess:
        """What the images said, where they were asked (`seen_role` is not empty)."""
        return RoleGuess(Role(self.seen_role), SEEN_CONFIDENCE, self.seen_reason)

    def as_header(self) -> SeriesHeader:
        """The stored header, as the PACS room speaks of it."""
        return SeriesHeader.from_dict(self.header)


class IntakeProblem(models.Model):
    """A file or instance that could not be taken, so that nothing is lost silently."""

    class Source(models.TextChoices):
        """How it came."""

        UPLOAD = "upload", "Upload"
        PACS = "pacs", "PACS"

    name = models.CharField(max_length=255, help_text="File name, or what is known of the instance")
    source = models.CharField(max_length=8, choices=Source.choices)
    reason = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    by = models.CharField(max_length=150, blank=True, help_text="Who sent it, where that is known")
    study = models.ForeignKey(
        Study, null=True, blank=True, on_delete=models.SET_NULL, related_name="problems"
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.source} problem {self.pk}"


def as_study_header(study: Study) -> StudyHeader:
    """The stored study in the words of the PACS room (for rules tried on stored headers)."""
    return StudyHeader(
        study_uid=study.study_uid,
        orthanc_id=study.orthanc_id,
        patient_id=study.patient_id,
        issuer=study.patient_id_issuer,
        patient_name=study.patient_name,
        birth_date=f"{study.patient_birth_date:%Y%m%d}" if study.patient_birth_date else "",
        sex=study.patient_sex,
        study_date=f"{study.study_date:%Y%m%d}" if study.study_date else "",
        study_time=f"{study.study_time:%H%M%S}" if study.study_time else "",
        accession_number=study.accession_number,
        description=study.description,
        institution=study.institution,
        calling_aet=study.calling_aet,
        series=tuple(one.as_header() for one in study.series.all()),
    )
