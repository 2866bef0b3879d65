"""When a series was acquired, and in which slices, and how to say so."""

from __future__ import annotations

import re

from orthanc.types import SeriesHeader

PLANE_WORDS = (
    ("axial", re.compile(r"\b(ax\w*|tra|trans\w*|ass|aks\w*|oax)\b")),
    ("sagittal", re.compile(r"\bo?sag\w*")),
    ("coronal", re.compile(r"\b(o?cor|coro\w*|kor\w*)\b")),
)
"""On text from `words.plain`."""


def time_of(header: SeriesHeader) -> str:
    """Sortable time of acquisition; the series' own date and time where the image has none."""
    if header.acquisition_time and header.series_date_time:
        return header.series_date_time[:8] + header.acquisition_time
    return header.series_date_time


def size_text(header: SeriesHeader) -> str:
    """For example: series 12 (176 images, 1 mm)."""
    step_mm = step_of_mm(header)
    size = f"{header.n_images} images" + (f", {step_mm:.3g} mm" if step_mm else "")
    return f"{number_text(header)} ({size})"


def step_of_mm(header: SeriesHeader) -> float | None:
    """Distance between slices, else their thickness."""
    return header.spacing_between_slices_mm or header.slice_thickness_mm


def number_text(header: SeriesHeader) -> str:
    """For example: series 12."""
    return f"series {header.series_number if header.series_number is not None else 'without number'}"


def plane_named(words: str) -> str:
    """Axial, sagittal or coronal, as a name from `words.plain` says; "" where it does not."""
    return next((name for name, pattern in PLANE_WORDS if pattern.search(words)), "")
