"""All addresses of the site; each room keeps its own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("review.urls")),
    path("", include("frontend.urls")),
]
