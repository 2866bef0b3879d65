"""The Django app of the domain."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    """Studies, jobs, results, rules."""

    name = "review"
    verbose_name = "Glioma review"
