"""All addresses of the site; each room keeps its own."""

from django.contrib import admin
from django.urls import include, path

from review import probes

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("review.urls")),
    path("health", probes.health, name="health"),
    path("ready", probes.ready, name="ready"),
    path("metrics", probes.metrics, name="metrics"),
    path("", include("frontend.urls")),
]

handler404 = "frontend.pages.errors.not_found"
handler500 = "frontend.pages.errors.failed"
