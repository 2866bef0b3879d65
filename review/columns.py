"""Header values as the database takes them."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import Any

from review.models import Series, Study


def dicom_date(text: str) -> date | None:
    """A DICOM date (DA), or None where it is empty or no date."""
    try:
        return datetime.strptime(text.strip()[:8], "%Y%m%d").date()
    except ValueError:
        return None


def dicom_time(text: str) -> time | None:
    """A DICOM time (TM, seconds and their fraction may be absent), or None where it is empty or no time."""
    digits = text.strip().split(".")[0]
    try:
        return datetime.strptime(digits, "%H%M%S"[: len(digits)]).time() if digits else None
    except ValueError:
        return None


def fit(model: type[Study] | type[Series], name: str, value: Any) -> Any:
    """A header's value as the column takes it: PostgreSQL refuses NUL characters, NaN in JSON and overlong text."""
    cleaned = _clean(value)
    max_length = getattr(model._meta.get_field(name), "max_length", None)
    return cleaned[:max_length] if isinstance(cleaned, str) and max_length else cleaned


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return str(value).replace("\x00", "")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value
