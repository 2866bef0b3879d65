"""`manage.py adopt_storage`: the folder for artefacts was replaced on purpose; take it as it is."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from review.storage import adopt_storage


class Command(BaseCommand):
    """Mark the folder for artefacts as this installation's."""

    help = "Take the folder for artefacts as it is; jobs whose files are not in it start over."

    def handle(self, *args: Any, **options: Any) -> None:
        """Mark it and say so."""
        self.stdout.write(f"{settings.ARTEFACTS_DIR} is this installation's storage now ({adopt_storage()}).")
