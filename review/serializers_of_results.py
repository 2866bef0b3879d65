"""What the API says of results: volumes with intervals, trust, lesions, model, DICOM objects."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from review.models import Result
from review.serializers_of_review import FlagSerializer


class VolumeSerializer(serializers.Serializer):
    """A volume with its 95 % interval, in millilitres."""

    ml = serializers.FloatField()
    low_ml = serializers.FloatField()
    high_ml = serializers.FloatField()


class ModelSerializer(serializers.Serializer):
    """Which model made a result."""

    name = serializers.CharField(source="model_name")
    version = serializers.CharField(source="model_version")
    is_demo = serializers.BooleanField(source="model_is_demo")
    statement = serializers.CharField(source="model_statement")


class DicomObjectsSerializer(serializers.Serializer):
    """The objects in Orthanc that hold a result."""

    seg_sop_uid = serializers.CharField()
    seg_series_uid = serializers.CharField()
    sr_sop_uid = serializers.CharField()
    sr_series_uid = serializers.CharField()
    t1ce_series_uid = serializers.CharField()


class GateSerializer(serializers.Serializer):
    """A quality figure of the prepared images, the limits it should lie in, and whether it does."""

    name = serializers.CharField()
    value = serializers.FloatField()
    unit = serializers.CharField(allow_blank=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    passed = serializers.BooleanField()
    message = serializers.CharField()


class FindingSerializer(serializers.Serializer):
    """Why a result lies outside of what was validated."""

    code = serializers.CharField()
    words = serializers.CharField()


class TrustSerializer(serializers.Serializer):
    """How well the outline is expected to fit a reader's: Dice with its 95 % interval, and what that means."""

    expected_dice = serializers.FloatField(source="trust")
    low = serializers.FloatField(source="trust_low")
    high = serializers.FloatField(source="trust_high")
    grade = serializers.CharField(source="trust_grade")


class LesionSerializer(serializers.Serializer):
    """A lesion: volumes in ml, axial diameters of what enhances in mm, RANO's test of shape, and where it is."""

    number = serializers.IntegerField()
    enhancing_ml = serializers.FloatField()
    nonenhancing_core_ml = serializers.FloatField()
    oedema_ml = serializers.FloatField()
    centre_mm_lps = serializers.ListField(child=serializers.FloatField())
    long_diameter_mm = serializers.FloatField()
    perpendicular_diameter_mm = serializers.FloatField()
    n_slices = serializers.IntegerField()
    is_measurable = serializers.BooleanField()
    hemisphere = serializers.CharField()
    lobe = serializers.CharField()


class ResultSerializer(serializers.ModelSerializer[Result]):
    """A result: volumes by compartment (WT, TC, ET, and the stored labels ED, NC), model, DICOM objects."""

    model = ModelSerializer(source="*")
    dicom = DicomObjectsSerializer(source="*")
    volumes = serializers.DictField(child=VolumeSerializer())
    warnings = serializers.ListField(child=serializers.CharField())
    gates = GateSerializer(many=True)
    not_validated = FindingSerializer(many=True)
    trust = serializers.SerializerMethodField()
    lesions = LesionSerializer(many=True, allow_null=True)
    flagged = serializers.BooleanField(
        source="is_flagged", help_text="A reader called it, or a part of it, poor"
    )
    struck = serializers.SerializerMethodField()
    flags = FlagSerializer(source="standing_flags", many=True)
    edited_by = serializers.CharField(help_text="The reader who drew the mask; empty: as the model drew it")
    reviewed_by = serializers.ListField(child=serializers.CharField(), help_text="Readers who accepted it")

    class Meta:
        model = Result
        fields = [
            "id",
            "volumes",
            "flagged",
            "struck",
            "flags",
            "edited_by",
            "reviewed_by",
            "phase",
            "model",
            "trust",
            "lesions",
            "warnings",
            "not_validated",
            "gates",
            "dicom",
            "created_at",
        ]

    @extend_schema_field(TrustSerializer(allow_null=True))
    def get_trust(self, result: Result) -> dict[str, Any] | None:
        """The trust score; null for results that were made before there was one."""
        return dict(TrustSerializer(result).data) if result.trust is not None else None

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_struck(self, result: Result) -> list[str]:
        """The compartments whose numbers do not count because of flags."""
        return sorted(result.struck)
