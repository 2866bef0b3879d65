"""The admin site: rules to edit; studies, jobs and problems to look at."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from review.models import Delivery, IntakeProblem, Job, Measurement, Result, RoutingRule, Series, Study


class LookOnly:
    """Rows that the machinery writes: people may look, not touch."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False


@admin.register(RoutingRule)
class RoutingRuleAdmin(admin.ModelAdmin):
    """Rules are edited here; what cannot be evaluated is refused with the reason."""

    list_display = ["name", "order", "enabled", "conditions", "model", "phase", "priority"]
    list_editable = ["order", "enabled"]


class SeriesInline(LookOnly, admin.TabularInline):
    """The series of a study."""

    model = Series
    fields = ["series_number", "description", "modality", "n_images", "role", "role_confidence", "is_chosen"]


class JobInline(LookOnly, admin.TabularInline):
    """The jobs of a study."""

    model = Job
    fields = ["id", "state", "stage", "model_name", "model_version", "created_at", "finished_at", "error"]


@admin.register(Study)
class StudyAdmin(LookOnly, admin.ModelAdmin):
    """Studies and where they stand."""

    list_display = ["study_uid", "patient_id", "study_date", "state", "reason", "changed_at"]
    list_filter = ["state", "matched_rule"]
    search_fields = ["study_uid", "patient_id", "patient_name", "accession_number"]
    inlines = [SeriesInline, JobInline]


class MeasurementInline(LookOnly, admin.TabularInline):
    """The volumes of a result."""

    model = Measurement


class DeliveryInline(LookOnly, admin.TabularInline):
    """Where a result was sent."""

    model = Delivery


@admin.register(Job)
class JobAdmin(LookOnly, admin.ModelAdmin):
    """Jobs and where they stand."""

    list_display = [
        "id",
        "study",
        "stage",
        "state",
        "attempts",
        "progress",
        "error",
        "created_at",
        "finished_at",
    ]
    list_filter = ["state", "stage", "model_name"]


@admin.register(Result)
class ResultAdmin(LookOnly, admin.ModelAdmin):
    """Results with their volumes and deliveries."""

    list_display = ["job", "study", "model_name", "model_version", "phase", "created_at"]
    inlines = [MeasurementInline, DeliveryInline]


@admin.register(IntakeProblem)
class IntakeProblemAdmin(LookOnly, admin.ModelAdmin):
    """What could not be taken."""

    list_display = ["created_at", "name", "source", "reason", "by", "study"]
    list_filter = ["source"]
