"""What the API says of verdicts, and takes of them."""

from __future__ import annotations

from rest_framework import serializers

from orthanc.types import MeasuredRegion
from review.models import Acceptance, Correction, Flag, Opinion


class OpinionSerializer(serializers.ModelSerializer[Opinion]):
    """A second reader's word on a flag."""

    class Meta:
        model = Opinion
        fields = ["agrees", "text", "by", "at"]
        read_only_fields = ["by", "at"]


class FlagSerializer(serializers.ModelSerializer[Flag]):
    """A flag: what of the mask is poor (empty: the whole), why, by whom, and what came of it."""

    reason_words = serializers.CharField(source="get_reason_display", read_only=True)
    opinions = OpinionSerializer(many=True, read_only=True)

    class Meta:
        model = Flag
        fields = [
            "id",
            "compartment",
            "reason",
            "reason_words",
            "text",
            "by",
            "at",
            "undone_by",
            "undone_at",
            "opinions",
        ]


class NewFlagSerializer(serializers.Serializer):
    """What is poor, and why; the reason "other" needs words."""

    reason = serializers.ChoiceField(choices=Flag.Reason.choices)
    compartment = serializers.ChoiceField(
        choices=[(region.value, region.value) for region in MeasuredRegion],
        required=False,
        allow_blank=True,
        default="",
        help_text="Empty: the whole mask",
    )
    text = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class AcceptanceSerializer(serializers.ModelSerializer[Acceptance]):
    """A reader's word that a result was looked at and may stand."""

    class Meta:
        model = Acceptance
        fields = ["by", "at"]


class CorrectionSerializer(serializers.ModelSerializer[Correction]):
    """An edited mask: which result it corrects, by whom, how far its measurement is, and what came of it."""

    state = serializers.CharField(source="job.state")
    error = serializers.CharField(source="job.error")
    corrected_result = serializers.IntegerField(source="result_id")
    new_result = serializers.SerializerMethodField()

    class Meta:
        model = Correction
        fields = [
            "id",
            "corrected_result",
            "new_result",
            "state",
            "error",
            "by",
            "at",
            "undone_by",
            "undone_at",
        ]

    def get_new_result(self, correction: Correction) -> int | None:
        """The result of the edited mask, null while it is being measured."""
        made = getattr(correction.job, "result", None)
        return made.pk if made else None
