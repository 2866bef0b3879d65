"""`manage.py export_flagged FOLDER`: the flagged results as pseudonymised cases for training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orthanc.errors import OrthancUnavailableError
from review.flagged_export import write_cases
from review.pacs import connect


class Command(BaseCommand):
    """Write the cases that are not there yet; say which could not be written, and why."""

    help = "Write every flagged result as a pseudonymised case (NIfTI and JSON) for training."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Fails where a case could not be written; the others are there then."""
        folder: Path = options["folder"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with connect() as pacs:
                failed = write_cases(pacs, folder, by="export_flagged")
        except (OSError, OrthancUnavailableError) as error:
            raise CommandError(str(error)) from error
        for name, why in failed.items():
            self.stderr.write(f"{name}: {why}")
        self.stdout.write(f"{sum(one.is_dir() for one in folder.iterdir())} cases in {folder}")
        if failed:
            raise CommandError(f"{len(failed)} cases could not be written.")
