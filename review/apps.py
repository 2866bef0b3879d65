"""The Django app of the domain."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    """Studies, jobs, results, rules."""

    name = "review"
    verbose_name = "Glioma review"

    def ready(self) -> None:
        """Let the audit log hear of log-ins and of changes in the administration, which Django only signals."""
        from review.audited_signals import listen

        listen()
