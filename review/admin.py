"""The tables of the admin site, all to look at (see `review.admin_site`); the one action there chooses a model."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from review.admin_site import LookOnly
from review.model_choice import CannotActivateError, activate, roll_back, scan_models
from review.models import (
    Activation,
    Alert,
    Algorithm,
    Delivery,
    IntakeProblem,
    Job,
    Measurement,
    Result,
    ResultObject,
    RoutingRule,
    Series,
    SeriesOverride,
    Study,
)
from review.roles import is_admin
from segmentation.errors import BadModelError


@admin.register(RoutingRule)
class RoutingRuleAdmin(admin.ModelAdmin):
    """The rules in force, to look at: they are changed on the pages under /rules/, where every save is a version."""

    list_display = ["name", "order", "enabled", "owner", "model", "phase", "urgency", "quality_policy"]


class SeriesInline(LookOnly, admin.TabularInline):
    """The series of a study."""

    model = Series
    fields = ["series_number", "description", "modality", "n_images", "role", "role_confidence", "is_chosen"]


class JobInline(LookOnly, admin.TabularInline):
    """The jobs of a study."""

    model = Job
    fields = ["id", "state", "stage", "model_name", "model_version", "created_at", "finished_at", "error"]


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):
    """Studies and where they stand."""

    list_display = ["study_uid", "patient_id", "study_date", "state", "reason", "changed_at"]
    list_filter = ["state", "matched_rule"]
    search_fields = ["study_uid", "patient_id", "patient_name", "accession_number"]
    inlines = [SeriesInline, JobInline]


class MeasurementInline(LookOnly, admin.TabularInline):
    """The volumes of a result."""

    model = Measurement


class ObjectInline(LookOnly, admin.TabularInline):
    """The DICOM objects of a result."""

    model = ResultObject


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """Objects on their way to other archives."""

    list_display = ["item", "destination", "state", "tries", "sent_at", "error"]
    list_filter = ["state", "destination"]


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
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
class ResultAdmin(admin.ModelAdmin):
    """Results with their volumes and DICOM objects."""

    list_display = ["job", "study", "model_name", "model_version", "phase", "created_at"]
    inlines = [MeasurementInline, ObjectInline]


@admin.register(IntakeProblem)
class IntakeProblemAdmin(admin.ModelAdmin):
    """What could not be taken."""

    list_display = ["created_at", "name", "source", "reason", "by", "study"]
    list_filter = ["source"]


@admin.register(Algorithm)
class AlgorithmAdmin(admin.ModelAdmin):
    """The installed models: an admin gives one to new jobs, or goes back to the one before."""

    list_display = ["__str__", "is_active", "is_installed", "rank", "is_demo", "folder", "found_at"]
    list_filter = ["is_installed", "is_demo"]
    actions_on_record = ("make_active", "go_back")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, after a look into the model folders: what was installed a minute ago is there."""
        try:
            scan_models()
        except (BadModelError, CannotActivateError) as error:
            self.message_user(request, str(error), messages.ERROR)
        return super().changelist_view(request, extra_context)

    def has_choose_permission(self, request: HttpRequest) -> bool:
        """Only admins decide which model runs."""
        return is_admin(request.user)

    @admin.action(description="Give new jobs this model", permissions=["choose"])
    def make_active(self, request: HttpRequest, chosen: QuerySet[Algorithm]) -> None:
        """Activate the one model that is ticked."""
        rows = list(chosen)
        if len(rows) != 1:
            self.message_user(request, "Tick one model: only one can be active.", messages.ERROR)
            return
        try:
            row = activate(rows[0].name, rows[0].version, request.user.get_username())
        except (BadModelError, CannotActivateError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, f"New jobs get {row}. Jobs already made keep their model.")

    @admin.action(description="Go back to the model before (tick any)", permissions=["choose"])
    def go_back(self, request: HttpRequest, chosen: QuerySet[Algorithm]) -> None:
        """Undo the last activation."""
        try:
            row = roll_back(request.user.get_username())
        except (BadModelError, CannotActivateError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.message_user(request, f"New jobs get {row or 'the best installed model'} again.")


@admin.register(Activation)
class ActivationAdmin(admin.ModelAdmin):
    """Who activated which model, and when."""

    list_display = ["at", "kind", "algorithm", "previous", "by"]
    list_filter = ["kind"]


@admin.register(Alert)
class AlertAdmin(admin.ModelAdmin):
    """What was raised about studies without a result, and how it went out."""

    list_display = ["created_at", "kind", "study", "text", "state", "sent_by"]
    list_filter = ["kind", "state"]


@admin.register(SeriesOverride)
class SeriesOverrideAdmin(admin.ModelAdmin):
    """Which series people gave a role; changed on the study's own page."""

    list_display = ["at", "study", "role", "series_uid", "by"]
