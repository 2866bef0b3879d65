"""What the API says of report texts, and takes of them."""

from __future__ import annotations

from rest_framework import serializers

from review.models import CopiedReport


class MacroSerializer(serializers.Serializer):
    """A report text of a result, by one version of a template, as it is now."""

    template = serializers.CharField(source="version.template.name")
    template_version = serializers.IntegerField(source="version.pk", help_text="What a copy refers to")
    language = serializers.CharField(source="version.template.language")
    text = serializers.CharField()


class CopySerializer(serializers.ModelSerializer[CopiedReport]):
    """A text that was copied, exactly as it was."""

    template = serializers.CharField(source="version.template.name")

    class Meta:
        model = CopiedReport
        fields = ["id", "result", "template", "text", "by", "at"]


class StoredCopySerializer(serializers.Serializer):
    """A copied text, and why it no longer holds (empty: it does)."""

    copied = CopySerializer(source="report")
    stale = serializers.CharField(allow_blank=True)


class ReportSerializer(serializers.Serializer):
    """The report texts of a study's current result, and those that were copied."""

    result = serializers.IntegerField(allow_null=True)
    macros = MacroSerializer(many=True)
    copies = StoredCopySerializer(many=True)


class NewCopySerializer(serializers.Serializer):
    """What was copied: which result, by which template version, and the text."""

    result = serializers.IntegerField()
    template_version = serializers.IntegerField()
    text = serializers.CharField(trim_whitespace=False, max_length=100_000)
