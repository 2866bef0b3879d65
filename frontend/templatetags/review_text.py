"""Filters for templates; what they write is decided in frontend.formatting."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from frontend import change_words, formatting, lesion_curves
from review import change_figures
from review.roles import can_review, can_work, is_admin

register = template.Library()

register.filter("ml", formatting.millilitres)
register.filter("interval", formatting.interval)
register.filter("duration", formatting.duration)
register.filter("ago", formatting.ago)
register.filter("patient_name", formatting.patient_name)
register.filter("age_years", formatting.age_years)
register.filter("day", formatting.day)
register.filter("steps", formatting.steps)
register.filter("can_work", can_work)
register.filter("can_review", can_review)
register.filter("is_admin", is_admin)
register.filter("figure", formatting.figure)
register.filter("limits", formatting.limits)
register.filter("any_failed", formatting.any_failed)
register.filter("gates_passed", formatting.gates_passed)
register.filter("gate_name", formatting.gate_name)
register.filter("change_ml", change_words.change_ml)
register.filter("change_percent", change_words.change_percent)
register.filter("response_words", change_words.response_words)
register.filter("chance", change_figures.chance)
register.filter("fate_words", lesion_curves.fate_words)
register.filter("lesion_place", lesion_curves.lesion_place)
register.filter("percent_more", change_figures.percent_more)


@register.filter
def region_name(compartment: str) -> str:
    """The name of a compartment for people."""
    return formatting.REGION_NAMES.get(compartment, compartment)


@register.filter
def phase_name(phase: str) -> str:
    """The phase of treatment for people."""
    return formatting.PHASE_NAMES.get(phase, phase)


@register.filter
def volume_of(volumes: dict[str, object] | None, compartment: str) -> object | None:
    """The measurement of a compartment, None where there is none."""
    return volumes.get(compartment) if volumes else None


@register.filter
def spaced(code: str) -> str:
    """A code as words: "same_accession" is "same accession"."""
    return code.replace("_", " ")


@register.filter
def without_brackets(sentences: Iterable[str]) -> str:
    """Things said at length as a short list: what stands in brackets is left to the patient's page."""
    return ", ".join(one.split(" (")[0] for one in sentences)


@register.filter
def percent(share: float) -> str:
    """A share of 0 to 1 as "87 %"."""
    return f"{share * 100:.0f} %"
