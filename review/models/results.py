"""What was measured. Every read-out (page, SR, API) reads these rows and no other numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils import timezone

from orthanc.codes import FINDINGS
from orthanc.types import MeasuredRegion
from review.models.intake import Study
from segmentation.types import Phase, TrustGrade

if TYPE_CHECKING:
    from review.models.lesions import TrackedLesion
    from review.models.verdicts import Flag


STRUCK_BY: dict[str, frozenset[str]] = {
    "": frozenset(region.value for region in MeasuredRegion),
    **{
        region.value: frozenset(
            other.value
            for other in MeasuredRegion
            if set(FINDINGS[other].segment_numbers) & set(FINDINGS[region].segment_numbers)
        )
        for region in MeasuredRegion
    },
}
"""The regions whose numbers fall with a flagged one: all that share a stored label with it ("" is the whole)."""


class ResultQuerySet(models.QuerySet["Result"]):
    """Which results count."""

    def counted(self, compartment: str = "") -> ResultQuerySet:
        """Results that are current and not flagged: the ones that curves, response and report speak of.

        With a compartment, a flag on another one that shares no voxel with it does no harm.
        """
        harmful = [
            flagged for flagged, struck in STRUCK_BY.items() if not compartment or compartment in struck
        ]
        struck = Result.objects.filter(flags__undone_at=None, flags__compartment__in=harmful)
        return self.filter(superseded_by=None).exclude(pk__in=struck.values("pk"))


class Result(models.Model):
    """One segmentation that Orthanc holds as SEG and SR."""

    job = models.OneToOneField("review.Job", on_delete=models.CASCADE, related_name="result")
    study = models.ForeignKey("review.Study", on_delete=models.CASCADE, related_name="results")
    seg_sop_uid = models.CharField(max_length=64)
    seg_series_uid = models.CharField(max_length=64)
    sr_sop_uid = models.CharField(max_length=64)
    sr_series_uid = models.CharField(max_length=64)
    t1ce_series_uid = models.CharField(max_length=64, help_text="The series whose grid the SEG is on")
    model_name = models.CharField(max_length=64)
    model_version = models.CharField(max_length=64)
    model_is_demo = models.BooleanField()
    model_statement = models.TextField()
    phase = models.CharField(max_length=8, choices=[(phase.value, phase.value) for phase in Phase])
    warnings = models.JSONField(default=list, blank=True)
    gates = models.JSONField(
        default=list, blank=True, help_text="Quality figures: name, value, unit, low, high, passed, message"
    )
    not_validated = models.JSONField(
        default=list, blank=True, help_text="Why this lies outside of what was validated: code, words"
    )
    trust = models.FloatField(
        null=True,
        blank=True,
        help_text="Expected Dice with a reader's outline; empty: made before it was scored",
    )
    trust_low = models.FloatField(null=True, blank=True)
    trust_high = models.FloatField(null=True, blank=True)
    trust_grade = models.CharField(
        max_length=8, blank=True, choices=[(grade.value, grade.value) for grade in TrustGrade]
    )
    lesions = models.JSONField(
        null=True, blank=True, help_text="As segmentation.types.Lesion; empty: shapes were not measured"
    )
    edited_by = models.CharField(
        max_length=150, blank=True, help_text="The reader who drew the mask; empty: as the model drew it"
    )
    created_at = models.DateTimeField(default=timezone.now)
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="supersedes"
    )

    objects = ResultQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"result of job {self.job_id}"

    def make_current(self) -> None:
        """Let this be the result that speaks for its study; the one before is superseded by it."""
        Result.objects.filter(study=self.study_id, superseded_by=None).exclude(pk=self.pk).update(
            superseded_by=self
        )
        Result.objects.filter(pk=self.pk).update(superseded_by=None)
        self.superseded_by = None
        Study.everything.filter(pk=self.study_id).update(current_result=self, changed_at=timezone.now())

    @property
    def volumes(self) -> dict[str, Measurement]:
        """The measurements by compartment, in the order of `MeasuredRegion`; prefetched rows are used."""
        found = {row.compartment: row for row in self.measurements.all()}
        return {region.value: found[region.value] for region in MeasuredRegion if region.value in found}

    @property
    def identities(self) -> dict[int, TrackedLesion]:
        """The lesions that are known over all visits, by their numbers here; prefetched rows are used."""
        return {row.component: row for row in self.tracked_lesions.all()}

    @property
    def standing_flags(self) -> list[Flag]:
        """The flags that nobody took back, oldest first; prefetched rows are used."""
        return [flag for flag in self.flags.all() if flag.stands]

    @property
    def taken_back_flags(self) -> list[Flag]:
        """The flags that somebody undid, oldest first."""
        return [flag for flag in self.flags.all() if not flag.stands]

    @property
    def is_flagged(self) -> bool:
        """Whether a reader called the mask, or a part of it, poor."""
        return bool(self.standing_flags)

    @property
    def struck(self) -> frozenset[str]:
        """The compartments whose numbers do not count, because what was flagged shares voxels with them."""
        return frozenset().union(*(STRUCK_BY[flag.compartment] for flag in self.standing_flags))

    @property
    def reviewed_by(self) -> list[str]:
        """Who accepted it, in the order of time; prefetched rows are used."""
        return [one.by for one in self.acceptances.all() if one.stands]


class Measurement(models.Model):
    """A volume with its 95 % interval, in millilitres, rounded once to 0.01 ml before anything reads it."""

    result = models.ForeignKey(Result, on_delete=models.CASCADE, related_name="measurements")
    compartment = models.CharField(
        max_length=2, choices=[(region.value, region.value) for region in MeasuredRegion]
    )
    ml = models.DecimalField(max_digits=9, decimal_places=2)
    low_ml = models.DecimalField(max_digits=9, decimal_places=2)
    high_ml = models.DecimalField(max_digits=9, decimal_places=2)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["result", "compartment"], name="one_measurement_per_compartment"),
            models.CheckConstraint(
                condition=models.Q(low_ml__gte=0)
                & models.Q(low_ml__lte=models.F("ml"))
                & models.Q(ml__lte=models.F("high_ml")),
                name="volume_inside_its_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.compartment} {self.ml} ml ({self.low_ml} to {self.high_ml})"
