"""Values that stand in the address of a page, read with care."""

from __future__ import annotations

from datetime import date

from django.utils.dateparse import parse_date


def asked_day(text: str) -> date | None:
    """The day; None for a text that is none."""
    try:
        return parse_date(text)
    except ValueError:  # well formed, but no such day
        return None
