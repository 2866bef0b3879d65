"""What people tell of a patient: treatment, status, and how the course is to be read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from review.course_facts import (
    ClinicalStatus,
    Event,
    EventKind,
    Histology,
    IdhStatus,
    PatientFacts,
    PatientKey,
    Setting,
)
from review.models.intake import Study
from review.response_profiles import PROFILES


def _choices(kinds: type[StrEnum]) -> list[tuple[str, str]]:
    return [(one.value, one.value.replace("_", " ")) for one in kinds]


class OfPatient(models.Model):
    """Columns that name the patient of a row: PatientID and issuer, or the one study that has no PatientID."""

    patient_id = models.CharField(max_length=64, blank=True)
    patient_id_issuer = models.CharField(max_length=64, blank=True)
    lone_study_uid = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True

    @staticmethod
    def columns_of(patient: PatientKey) -> dict[str, Any]:
        """The values of the columns for a patient."""
        return {
            "patient_id": patient.patient_id,
            "patient_id_issuer": patient.issuer,
            "lone_study_uid": patient.study_uid,
        }

    @staticmethod
    def of_any(patients: Iterable[PatientKey]) -> Q:
        """Rows of any of these patients, and perhaps of the same IDs of another issuer."""
        wanted = list(patients)
        ids = [one.patient_id for one in wanted if one.patient_id]
        return Q(patient_id__in=ids) | Q(
            patient_id="", lone_study_uid__in=[one.study_uid for one in wanted if not one.patient_id]
        )

    @property
    def patient(self) -> PatientKey:
        """Whose row it is."""
        return PatientKey(self.patient_id, self.patient_id_issuer, self.lone_study_uid)


class TreatmentEvent(OfPatient):
    """Something that was done to, or noted of, a patient on one day. Removed, it stays as history."""

    kind = models.CharField(max_length=24, choices=_choices(EventKind))
    on = models.DateField()
    dose_mg = models.FloatField(
        null=True, blank=True, help_text="Dexamethasone a day (or its equal); steroid dose only"
    )
    status = models.CharField(max_length=16, blank=True, choices=_choices(ClinicalStatus))
    histology = models.CharField(max_length=20, blank=True, choices=_choices(Histology))
    idh = models.CharField(max_length=10, blank=True, choices=_choices(IdhStatus))
    note = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    removed_by = models.CharField(max_length=150, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["on", "pk"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["patient_id", "patient_id_issuer"], name="events_of_patient"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(dose_mg=None) | Q(dose_mg__gte=0), name="dose_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.on}"

    def as_event(self) -> Event:
        """The event as the rules know it."""
        return Event(
            kind=EventKind(self.kind),
            on=self.on,
            dose_mg=self.dose_mg,
            status=ClinicalStatus(self.status) if self.status else None,
            histology=Histology(self.histology) if self.histology else None,
            idh=IdhStatus(self.idh) if self.idh else None,
            note=self.note,
            key=self.pk,
        )


class PatientSetting(OfPatient):
    """How a patient's course is read, where a person said more than the events do."""

    setting = models.CharField(
        max_length=16, choices=_choices(Setting), default=Setting.NEWLY_DIAGNOSED.value
    )
    profile = models.CharField(
        max_length=40,
        blank=True,
        choices=[(name, one.title) for name, one in PROFILES.items()],
        help_text="Rules to read by; empty: those that fit the IDH status of the diagnosis",
    )
    baseline = models.ForeignKey(
        Study,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Empty: by the rules",
    )
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["patient_id", "patient_id_issuer", "lone_study_uid"], name="one_setting_per_patient"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.setting}, {self.profile or 'profile by IDH status'}"

    def as_facts(self) -> PatientFacts:
        """What it says to the rules."""
        uid = self.baseline.study_uid if self.baseline else ""
        return PatientFacts(setting=Setting(self.setting), baseline_uid=uid)


class IdentityLink(models.Model):
    """An admin's word that two patient IDs are one person's. Taken back, it stays as history."""

    patient_id = models.CharField(max_length=64)
    patient_id_issuer = models.CharField(max_length=64, blank=True)
    other_id = models.CharField(max_length=64)
    other_id_issuer = models.CharField(max_length=64, blank=True)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)
    unlinked_by = models.CharField(max_length=150, blank=True)
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["at", "pk"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["patient_id", "patient_id_issuer", "other_id", "other_id_issuer"],
                condition=Q(unlinked_at=None),
                name="one_standing_link_per_pair",
            ),
        ]

    def __str__(self) -> str:
        return f"link {self.pk}"

    @property
    def ends(self) -> tuple[PatientKey, PatientKey]:
        """The two IDs."""
        return (
            PatientKey(self.patient_id, self.patient_id_issuer),
            PatientKey(self.other_id, self.other_id_issuer),
        )
