"""`manage.py models`: see, install, activate and roll back models."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from review.model_choice import CannotActivateError, activate, roll_back, scan_models
from review.models import Algorithm
from review.models_admin import install
from segmentation.errors import BadModelError


class Command(BaseCommand):
    """Scan, install, activate, roll back."""

    help = "Look through the model folders; choose the model that new jobs get."

    def add_arguments(self, parser: CommandParser) -> None:
        """Four verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("scan", help="look through the model folders and list what is there")
        choose = verbs.add_parser("activate", help="give new jobs this model")
        choose.add_argument("name")
        choose.add_argument("version")
        verbs.add_parser("rollback", help="undo the last activation")
        come = verbs.add_parser("install", help="install a model from a folder or a zip")
        come.add_argument("source", type=Path)
        come.add_argument("--sha256", default="", help="checksum of the zip, or of the folder's weights")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, then list the models."""
        by = f"{getpass.getuser()} (manage.py)"
        try:
            if options["verb"] == "activate":
                activate(options["name"], options["version"], by)
            elif options["verb"] == "rollback":
                roll_back(by)
            elif options["verb"] == "install":
                install(options["source"], by=by, sha256=options["sha256"])
            else:
                scan_models()
        except (BadModelError, CannotActivateError) as error:
            raise CommandError(str(error)) from error
        for row in Algorithm.objects.all():
            self.stdout.write(_line(row))


def _line(row: Algorithm) -> str:
    state = "active" if row.is_active else "installed" if row.is_installed else "gone"
    return f"{state:9}  rank {row.rank:3}  {row}  {row.folder}"
