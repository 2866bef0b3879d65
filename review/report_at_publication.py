"""The report text of a result while it is being published, for the objects that leave with it."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from review.macros import templates_for, text_of
from review.models import Result


def report_text_of(make_rows: Callable[[], Result]) -> str:
    """What the best fitting template will say of a result whose rows `make_rows` writes; empty without template.

    The text reads stored rows (volumes, the visit before, the suggested response), which are only kept once Orthanc
    holds the objects: here they are written, read and taken back.
    """
    with transaction.atomic():
        result = make_rows()
        template = templates_for(result).first()
        text = text_of(template.current, result) if template is not None else ""
        transaction.set_rollback(True)
    return text
