"""`manage.py retention`: remove what is older than the site keeps it, or only say what that is."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from review.models import SiteSettings
from review.retention import overdue, remove_overdue


class Command(BaseCommand):
    """All that is overdue, in one go."""

    help = (
        "Remove studies from Orthanc and label maps that are older than the settings of the site keep them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say it, then do it."""
        found = overdue(SiteSettings.load())
        self.stdout.write(
            f"{found.studies.count()} studies, {len(found.jobs)} label maps; held back: {found.n_held_studies} "
            f"studies, {found.n_held_jobs} label maps"
        )
        if options["dry_run"]:
            return
        while remove_overdue():
            continue
