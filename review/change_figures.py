"""The figures of a change as they are written on every page, in the chart and in the report text."""

from __future__ import annotations


def signed_ml(ml: float) -> str:
    """A difference of volumes with its sign: "+1.70"."""
    return f"{ml:+.2f}"


def percent_more(ratio: float) -> str:
    """A ratio as a change in whole percent, without the sign of percent: 1.4 is "+40"."""
    return f"{100 * (ratio - 1):+.0f}"


SMALL = {"en": "less than 0.1 %", "de": "unter 0.1 %"}


def chance(probability: float, language: str = "en") -> str:
    """A probability as people say it."""
    return SMALL[language] if probability < 0.001 else f"{100 * probability:.1f} %"
