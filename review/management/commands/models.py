"""`manage.py models`: see, activate and roll back the installed models."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from review.model_choice import CannotActivateError, activate, roll_back, scan_models
from review.models import Algorithm
from segmentation.errors import BadModelError


class Command(BaseCommand):
    """Scan, activate, roll back."""

    help = "Look through the model folders; choose the model that new jobs get."

    def add_arguments(self, parser: CommandParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("scan", help="look through the model folders and list what is there")
        choose = verbs.add_parser("activate", help="give new jobs this model")
        choose.add_argument("name")
        choose.add_argument("version")
        verbs.add_parser("rollback", help="undo the last activation")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then list the models."""
        by = f"{getpass.getuser()} (manage.py)"
        try:
            if options["verb"] == "activate":
                activate(options["name"], options["version"], by)
            elif options["verb"] == "rollback":
                roll_back(by)
            else:
                scan_models()
        except (BadModelError, CannotActivateError) as error:
            raise CommandError(str(error)) from error
        for row in Algorithm.objects.all():
            self.stdout.write(_line(row))


def _line(row: Algorithm) -> str:
    state = "active" if row.is_active else "installed" if row.is_installed else "gone"
    return f"{state:9}  rank {row.rank:3}  {row}  {row.folder}"
