"""The app of Django's administration, with our site in the place of its own."""

from django.contrib.admin.apps import AdminConfig


class TablesConfig(AdminConfig):
    """Tables to look at."""

    default_site = "review.admin_site.LookingSite"
