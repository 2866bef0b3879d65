"""What the API says of studies, problems and health."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from review.models import (
    Alert,
    Delivery,
    IntakeProblem,
    Job,
    ResultObject,
    Series,
    SeriesOverride,
    Study,
)
from review.selectors import ORDERS
from review.serializers_of_results import ResultSerializer


class SeriesSerializer(serializers.ModelSerializer[Series]):
    """A series, what it was taken for, and why it was or was not chosen."""

    class Meta:
        model = Series
        fields = [
            "series_uid",
            "series_number",
            "modality",
            "description",
            "n_images",
            "role",
            "role_confidence",
            "role_reason",
            "is_chosen",
            "choice_reason",
            "flaw",
            "is_ours",
            "is_stable",
        ]


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job: its stage, and how long each stage took and waited (`<stage>_queue`), in seconds."""

    seconds = serializers.DictField(child=serializers.FloatField())
    step_seconds = serializers.DictField(child=serializers.DictField(child=serializers.FloatField()))

    class Meta:
        model = Job
        fields = [
            "id",
            "state",
            "stage",
            "progress",
            "error",
            "model_name",
            "model_version",
            "phase",
            "quality_policy",
            "priority",
            "attempts",
            "seconds",
            "step_seconds",
            "created_at",
            "started_at",
            "finished_at",
        ]


class ProblemSerializer(serializers.ModelSerializer[IntakeProblem]):
    """A file or study that could not be taken."""

    study_uid = serializers.CharField(source="study.study_uid", default=None, read_only=True)

    class Meta:
        model = IntakeProblem
        fields = ["id", "name", "source", "reason", "created_at", "by", "study_uid"]


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """A study that ended without a result, and whether somebody was told."""

    study_uid = serializers.CharField(source="study.study_uid", read_only=True)
    delivery = serializers.CharField(source="state")

    class Meta:
        model = Alert
        fields = ["id", "kind", "text", "study_uid", "created_at", "delivery", "sent_by", "error"]


class AssignmentSerializer(serializers.Serializer):
    """Series UIDs by role. A role that is absent or empty is filled by the guess; {} takes all back."""

    T1 = serializers.CharField(required=False, allow_blank=True, max_length=64)
    T1CE = serializers.CharField(required=False, allow_blank=True, max_length=64)
    T2 = serializers.CharField(required=False, allow_blank=True, max_length=64)
    FLAIR = serializers.CharField(required=False, allow_blank=True, max_length=64)


class ModelChoiceSerializer(serializers.Serializer):
    """An installed model."""

    name = serializers.CharField(max_length=64)
    version = serializers.CharField(max_length=64)


class OverrideSerializer(serializers.ModelSerializer[SeriesOverride]):
    """A role that a person gave a series."""

    class Meta:
        model = SeriesOverride
        fields = ["role", "series_uid", "by", "at"]


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """An object on its way to a destination."""

    class Meta:
        model = Delivery
        fields = ["id", "destination", "state", "tries", "sent_at", "error"]


class ResultObjectSerializer(serializers.ModelSerializer[ResultObject]):
    """A DICOM object, or series of them, of a result, and where it was sent."""

    deliveries = DeliverySerializer(many=True)

    class Meta:
        model = ResultObject
        fields = ["kind", "sop_class_uid", "series_uid", "sop_uid", "n_instances", "made_at", "deliveries"]


class StudySerializer(serializers.ModelSerializer[Study]):
    """A study as the worklist shows it."""

    rule = serializers.CharField(source="matched_rule.name", default=None, read_only=True)
    stage = serializers.CharField(source="current_job.stage", default=None, read_only=True)
    result = ResultSerializer(source="current_result", allow_null=True, read_only=True)

    class Meta:
        model = Study
        fields = [
            "study_uid",
            "patient_id",
            "patient_id_issuer",
            "patient_name",
            "patient_birth_date",
            "patient_sex",
            "study_date",
            "study_time",
            "accession_number",
            "description",
            "institution",
            "state",
            "reason",
            "stage",
            "wait_deadline",
            "rule",
            "first_seen_at",
            "changed_at",
            "deleted_at",
            "result",
        ]


class StudyDetailSerializer(StudySerializer):
    """A study with its series, jobs and problems, and the seconds of the job that speaks for it."""

    series = SeriesSerializer(many=True)
    jobs = JobSerializer(many=True)
    problems = ProblemSerializer(many=True)
    overrides = OverrideSerializer(many=True)
    objects = ResultObjectSerializer(
        source="current_result.dicom_objects", many=True, read_only=True, default=()
    )
    seconds = serializers.SerializerMethodField()

    class Meta(StudySerializer.Meta):
        fields = [
            *StudySerializer.Meta.fields,
            "seconds",
            "objects",
            "series",
            "overrides",
            "jobs",
            "problems",
        ]

    @extend_schema_field(serializers.DictField(child=serializers.FloatField()))
    def get_seconds(self, study: Study) -> dict[str, float]:
        """Seconds per stage, `<stage>_queue` before it, and in all."""
        return study.current_job.all_seconds if study.current_job else {}


class StudyFilterSerializer(serializers.Serializer):
    """Filters of the list of studies."""

    state = serializers.MultipleChoiceField(choices=Study.State.choices, required=False)
    patient_id = serializers.CharField(required=False, help_text="Exactly this patient")
    search = serializers.CharField(
        required=False, help_text="Words in patient name or ID, accession number, description"
    )
    since = serializers.DateTimeField(required=False, help_text="Changed after this time")
    order = serializers.ChoiceField(choices=list(ORDERS), required=False)


class UploadSerializer(serializers.Serializer):
    """DICOM files, or zip archives of them, under `files`."""

    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True), allow_empty=False)


class FileOutcomeSerializer(serializers.Serializer):
    """What became of one file."""

    name = serializers.CharField()
    accepted = serializers.BooleanField()
    already_stored = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)


class UploadReportSerializer(serializers.Serializer):
    """What became of an upload."""

    accepted = serializers.IntegerField()
    rejected = serializers.IntegerField()
    files = FileOutcomeSerializer(many=True)
    study_uids = serializers.ListField(child=serializers.CharField())


class WorkerSerializer(serializers.Serializer):
    """A worker process."""

    name = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    seen_at = serializers.DateTimeField()
    is_alive = serializers.BooleanField()


class HealthSerializer(serializers.Serializer):
    """How the machinery is; an empty trouble means well."""

    ok = serializers.BooleanField()
    broker_trouble = serializers.CharField(allow_blank=True)
    orthanc_trouble = serializers.CharField(allow_blank=True)
    orthanc_version = serializers.CharField(allow_blank=True)
    follower_seen_at = serializers.DateTimeField(allow_null=True)
    follower_alive = serializers.BooleanField()
    follower_trouble = serializers.CharField(allow_blank=True)
    workers = WorkerSerializer(many=True)
    running_jobs = serializers.IntegerField()
    queued_jobs = serializers.IntegerField()
    oldest_queued_s = serializers.FloatField(allow_null=True)
    silent_jobs = serializers.IntegerField()
    studies = serializers.DictField(child=serializers.IntegerField())


class ErrorSerializer(serializers.Serializer):
    """Why a request was not done."""

    detail = serializers.CharField()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """A text as `detail`."""
        return {"detail": str(instance)}
