"""Addresses of everything that people see; the API has its own under /api/."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from frontend.dicomweb import DicomWeb
from frontend.pages import (
    account,
    audit,
    panel,
    patient,
    patients,
    series,
    study,
    system,
    templates,
    upload,
    worklist,
)
from frontend.viewer import ohif

urlpatterns = [
    path("", worklist.page, name="worklist"),
    path("worklist/rows/", worklist.rows, name="worklist-rows"),
    path("favicon.ico", account.icon),
    path("login/", account.login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("upload/", upload.page, name="upload"),
    path("patients/", patients.page, name="patients"),
    path("patients/<int:key>/", patient.page, name="patient"),
    path("patients/<int:key>/live/", patient.live, name="patient-live"),
    path("patients/<int:key>/volumes.csv", patient.as_csv, name="patient-csv"),
    path("problems/", system.problems, name="problems"),
    path("system/", system.page, name="system"),
    path("system/live/", system.live, name="system-live"),
    path("audit/", audit.page, name="audit"),
    path("audit/export.csv", audit.export, name="audit-export"),
    path("studies/<str:study_uid>/", study.page, name="study"),
    path("studies/<str:study_uid>/live/", study.live, name="study-live"),
    path("studies/<str:study_uid>/retry/", study.retry, name="study-retry"),
    path("studies/<str:study_uid>/series/", series.page, name="study-series"),
    path("deliveries/<int:delivery_id>/retry/", study.send_again, name="delivery-retry"),
    path("templates/", templates.listed, name="templates"),
    path("templates/new/", templates.edit, name="template-new"),
    path("templates/preview/", templates.preview, name="template-preview"),
    path("templates/<int:template_id>/", templates.edit, name="template"),
    path("viewer/<str:study_uid>/", panel.viewer, name="viewer"),
    path("viewer/<str:study_uid>/roles.json", panel.roles, name="viewer-roles"),
    path("panel/<str:study_uid>/", panel.page, name="panel"),
    path("panel/<str:study_uid>/live/", panel.live, name="panel-live"),
    re_path(r"^ohif/(?P<path>.*)$", ohif, name="ohif"),
    re_path(r"^dicomweb/(?P<path>.*?)/?$", DicomWeb.as_view(), name="dicomweb"),
    # The root that Orthanc itself uses in the bulk data addresses that it writes.
    re_path(r"^dicom-web/(?P<path>.*?)/?$", DicomWeb.as_view()),
]
