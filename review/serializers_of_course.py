"""What the API says of a patient's course, and what it takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orthanc.types import MeasuredRegion
from review.course_changes import change_since_prior
from review.course_facts import IdhStatus, Setting, Visit, VisitState, WarningKind
from review.models import IdentityLink, PatientSetting, Study, TreatmentEvent
from review.response_types import Category, Confirmation, Measure, Window
from review.serializers_of_results import VolumeSerializer
from segmentation.types import Fate


class EventSerializer(serializers.ModelSerializer[TreatmentEvent]):
    """Something done to, or noted of, a patient on one day. Doses: mg dexamethasone (or its equal) a day."""

    class Meta:
        model = TreatmentEvent
        fields = ["id", "kind", "on", "dose_mg", "status", "histology", "idh", "note", "by", "at"]
        read_only_fields = ["id", "by", "at"]
        extra_kwargs: dict[str, dict[str, Any]] = {"dose_mg": {"min_value": 0, "max_value": 200}}


class ReadingSerializer(serializers.ModelSerializer[PatientSetting]):
    """How the course is read. Baseline: UID of a study of the patient; empty: by the rules."""

    baseline = serializers.SlugRelatedField(
        slug_field="study_uid", queryset=Study.objects.all(), allow_null=True, default=None
    )

    class Meta:
        model = PatientSetting
        fields = ["setting", "profile", "baseline", "by", "at"]
        read_only_fields = ["by", "at"]
        extra_kwargs: dict[str, dict[str, Any]] = {"setting": {"required": True}, "profile": {"default": ""}}


class FactsSerializer(serializers.Serializer):
    """What people said of the patient."""

    setting = serializers.ChoiceField(choices=[(one.value, one.value) for one in Setting])
    idh = serializers.ChoiceField(choices=[(one.value, one.value) for one in IdhStatus])
    diagnosis = serializers.CharField()
    baseline_uid = serializers.CharField()


FATES = [(fate.value, fate.value) for fate in Fate]


class TrackedLesionSerializer(serializers.Serializer):
    """One lesion at one visit. `number` is the same at all visits; null where lesions could not be joined."""

    component = serializers.IntegerField(help_text="Number of the lesion within this result")
    number = serializers.IntegerField(allow_null=True)
    tracking_uid = serializers.CharField(help_text="As in the SR; empty where lesions could not be joined")
    fate = serializers.ChoiceField(choices=FATES, allow_null=True, help_text="As of the visit before")
    parents = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Numbers of the lesions that it split from or swallowed, ever",
    )
    enhancing_ml = serializers.FloatField()
    nonenhancing_core_ml = serializers.FloatField()
    oedema_ml = serializers.FloatField()
    long_diameter_mm = serializers.FloatField()
    perpendicular_diameter_mm = serializers.FloatField()
    is_measurable = serializers.BooleanField()
    hemisphere = serializers.CharField()
    lobe = serializers.CharField()


class LesionPointSerializer(serializers.Serializer):
    """A lesion at one counted visit, from the first that shows it."""

    study_uid = serializers.CharField()
    on = serializers.DateField()
    fate = serializers.ChoiceField(choices=FATES)
    enhancing_ml = serializers.FloatField(
        allow_null=True, help_text="0 where it has vanished, null where it goes on within another lesion"
    )
    into = serializers.IntegerField(allow_null=True, help_text="Number of the lesion that it goes on in")


class LesionCurveSerializer(serializers.Serializer):
    """One lesion over all counted visits. Lesions have no intervals of their own."""

    number = serializers.IntegerField()
    colour = serializers.CharField(help_text="#rrggbb, the same on every page")
    tracking_uid = serializers.CharField()
    points = LesionPointSerializer(many=True)


class VolumeChangeSerializer(serializers.Serializer):
    """Later minus earlier in mL, and later over earlier, each with its 95 % interval."""

    difference_ml = serializers.FloatField()
    low_ml = serializers.FloatField()
    high_ml = serializers.FloatField()
    ratio = serializers.FloatField(allow_null=True)
    low_ratio = serializers.FloatField(allow_null=True)
    high_ratio = serializers.FloatField(allow_null=True)


class VisitChangeSerializer(serializers.Serializer):
    """The volumes of a visit against those of an earlier one."""

    since_uid = serializers.CharField()
    since = serializers.DateField()
    volumes = serializers.DictField(child=VolumeChangeSerializer())


class VisitSerializer(serializers.Serializer):
    """One point of the course: a study with one of its results, or without any."""

    study_uid = serializers.CharField()
    on = serializers.DateField(allow_null=True)
    state = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in VisitState],
        help_text="Only counted points enter the course",
    )
    why = serializers.CharField()
    phase = serializers.CharField()
    result_id = serializers.IntegerField(allow_null=True)
    volumes = serializers.SerializerMethodField()
    lesions = TrackedLesionSerializer(
        source="tracked", many=True, allow_null=True, help_text="null: shapes were not measured"
    )
    not_followed = serializers.CharField(
        help_text="Why lesions could not be joined over visits; empty: they were"
    )
    change = serializers.SerializerMethodField(help_text="Since the counted visit before; null for the first")

    @extend_schema_field(VisitChangeSerializer(allow_null=True))
    def get_change(self, visit: Visit) -> dict[str, Any] | None:
        """What changed since the counted visit before."""
        found = change_since_prior(self.context["timeline"], visit.study_uid) if visit.counts else None
        return VisitChangeSerializer(found).data if found else None

    @extend_schema_field(serializers.DictField(child=VolumeSerializer()))
    def get_volumes(self, visit: Visit) -> dict[str, dict[str, float]]:
        """The stored volumes by compartment."""
        return {
            region.value: {"ml": one.ml, "low_ml": one.low_ml, "high_ml": one.high_ml}
            for region in MeasuredRegion
            if (one := visit.volumes.get(region)) is not None
        }


class BurdenSerializer(serializers.Serializer):
    """The disease that was compared: mL with its interval, or mm2."""

    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    words = serializers.CharField()


class AssessmentSerializer(serializers.Serializer):
    """What the rules suggest for one visit. Always suggested: a clinician decides."""

    study_uid = serializers.CharField()
    result_id = serializers.IntegerField(allow_null=True)
    on = serializers.DateField()
    measure = serializers.ChoiceField(choices=[(one.value, one.value) for one in Measure])
    profile = serializers.CharField()
    category = serializers.ChoiceField(choices=[(one.value, one.value) for one in Category])
    is_preliminary = serializers.BooleanField()
    window = serializers.ChoiceField(choices=[(one.value, one.value) for one in Window])
    confirmation = serializers.ChoiceField(choices=[(one.value, one.value) for one in Confirmation])
    confirmed_by = serializers.CharField()
    confirm_from = serializers.DateField(allow_null=True)
    confirm_until = serializers.DateField(allow_null=True)
    burden = BurdenSerializer(allow_null=True)
    baseline_uid = serializers.CharField()
    nadir_uid = serializers.CharField()
    ratio_to_baseline = serializers.FloatField(allow_null=True)
    ratio_to_nadir = serializers.FloatField(allow_null=True)
    progressed_on = serializers.DateField(allow_null=True)
    probability_of_noise = serializers.FloatField(allow_null=True)
    probability_of_progression = serializers.FloatField(allow_null=True)
    probability_of_response = serializers.FloatField(allow_null=True)
    reasoning = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())


class WarningSerializer(serializers.Serializer):
    """Something odd about the identity of the studies; nothing is merged because of it."""

    kind = serializers.ChoiceField(choices=[(one.value, one.value) for one in WarningKind])
    words = serializers.CharField()
    study_uids = serializers.ListField(child=serializers.CharField())


class CourseEventSerializer(serializers.Serializer):
    """A treatment event as the rules read it; `key` is its number under /api/events/."""

    key = serializers.IntegerField()
    kind = serializers.CharField()
    on = serializers.DateField()
    dose_mg = serializers.FloatField(allow_null=True)
    status = serializers.CharField(allow_null=True)
    histology = serializers.CharField(allow_null=True)
    idh = serializers.CharField(allow_null=True)
    note = serializers.CharField()


class TimelineSerializer(serializers.Serializer):
    """The whole course of one patient, oldest first, with what the rules suggest."""

    patient_id = serializers.CharField(source="patient.patient_id")
    patient_id_issuer = serializers.CharField(source="patient.issuer")
    name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    sex = serializers.CharField()
    facts = FactsSerializer()
    profile = serializers.CharField(source="profile.name")
    profile_title = serializers.CharField(source="profile.title")
    visits = VisitSerializer(many=True)
    events = CourseEventSerializer(many=True)
    volumetric = AssessmentSerializer(many=True)
    bidirectional = AssessmentSerializer(many=True)
    warnings = WarningSerializer(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    lesions = LesionCurveSerializer(many=True)


class NewLinkSerializer(serializers.Serializer):
    """Another patient, named by the UID of any of the studies."""

    other_study_uid = serializers.CharField(max_length=64)


class LinkSerializer(serializers.ModelSerializer[IdentityLink]):
    """Two patient IDs that an admin said are one person's."""

    class Meta:
        model = IdentityLink
        fields = ["id", "patient_id", "patient_id_issuer", "other_id", "other_id_issuer", "by", "at"]


class CohortFilterSerializer(serializers.Serializer):
    """Patients with a study in these days, both included."""

    first = serializers.DateField()
    last = serializers.DateField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The days in their order."""
        if attrs["first"] > attrs["last"]:
            raise serializers.ValidationError("The first day comes after the last.")
        return attrs


class CohortRowSerializer(serializers.Serializer):
    """A patient with the suggested response of the last counted visit, and what is left to do."""

    study_uid = serializers.CharField()
    patient_id = serializers.CharField()
    name = serializers.CharField()
    n_visits = serializers.IntegerField()
    latest = AssessmentSerializer()
    progressed_on = serializers.DateField(
        allow_null=True, help_text="Last day in the asked time at which progression is suggested"
    )
    best_ratio = serializers.FloatField(
        allow_null=True, help_text="Least burden since the baseline over that of the baseline"
    )
    interval_share = serializers.FloatField(
        allow_null=True, help_text="Width of the 95 % interval of the burden over the burden"
    )
    confirmation_is_due = serializers.BooleanField()
    confirmation_is_overdue = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField())
