"""The report texts on a study's pages."""

from __future__ import annotations

from typing import Any

from review.macros import copies_of, macros_for
from review.models import Study


def report_context(study: Study) -> dict[str, Any]:
    """What the part with the report texts shows."""
    copies = copies_of(study)
    return {
        "macros": macros_for(study.current_result) if study.current_result else [],
        "copies": copies,
        "stale_copies": [one for one in copies if one.stale],
    }
