"""Addresses under /api/."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from review import api, api_of_course, api_of_maps, api_of_reports, api_of_review
from review.roles import MayRead

app_name = "review"

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(permission_classes=[MayRead]), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="review:schema", permission_classes=[MayRead]),
        name="docs",
    ),
    path("studies/", api.StudyList.as_view(), name="studies"),
    path("studies/<str:study_uid>/", api.StudyDetail.as_view(), name="study"),
    path("studies/<str:study_uid>/retry/", api.StudyRetry.as_view(), name="retry"),
    path("studies/<str:study_uid>/series-roles/", api.StudySeriesRoles.as_view(), name="series-roles"),
    path("studies/<str:study_uid>/model/", api.StudyModel.as_view(), name="model"),
    path("studies/<str:study_uid>/reports/", api_of_reports.Reports.as_view(), name="reports"),
    path("results/<int:result_id>/flags/", api_of_review.Flags.as_view(), name="flags"),
    path(
        "results/<int:result_id>/acceptance/", api_of_review.AcceptanceOfResult.as_view(), name="acceptance"
    ),
    path("flags/<int:flag_id>/undo/", api_of_review.FlagUndo.as_view(), name="flag-undo"),
    path("flags/<int:flag_id>/opinions/", api_of_review.FlagOpinions.as_view(), name="flag-opinions"),
    path(
        "corrections/<int:correction_id>/undo/",
        api_of_review.CorrectionUndo.as_view(),
        name="correction-undo",
    ),
    path("studies/<str:study_uid>/corrections/", api_of_review.Corrections.as_view(), name="corrections"),
    path("studies/<str:study_uid>/fhir/", api.StudyFhir.as_view(), name="fhir"),
    path("studies/<str:study_uid>/uncertainty/", api_of_maps.UncertaintyMap.as_view(), name="uncertainty"),
    path("deliveries/<int:delivery_id>/retry/", api.DeliveryRetry.as_view(), name="delivery-retry"),
    path("patients/<str:study_uid>/timeline/", api_of_course.TimelineOfPatient.as_view(), name="timeline"),
    path("patients/<str:study_uid>/events/", api_of_course.Events.as_view(), name="events"),
    path("patients/<str:study_uid>/reading/", api_of_course.Reading.as_view(), name="reading"),
    path("patients/<str:study_uid>/links/", api_of_course.Links.as_view(), name="links"),
    path("cohort/", api_of_course.Cohort.as_view(), name="cohort"),
    path("links/<int:link_id>/", api_of_course.OneLink.as_view(), name="link"),
    path("events/<int:event_id>/", api_of_course.OneEvent.as_view(), name="event"),
    path("upload/", api.Upload.as_view(), name="upload"),
    path("problems/", api.ProblemList.as_view(), name="problems"),
    path("alerts/", api.AlertList.as_view(), name="alerts"),
    path("health/", api.Health.as_view(), name="health"),
    path("nudge/", api.Nudge.as_view(), name="nudge"),
]
