"""Reads of the rule set: the version in force, and earlier ones."""

from __future__ import annotations

from review.models import RoutingRule, RuleSetVersion
from review.routing_documents import Document


def current_number() -> int:
    """The number of the version in force; 0 where none was ever kept."""
    return RuleSetVersion.objects.values_list("number", flat=True).order_by("-number").first() or 0


def rules_in_force() -> list[Document]:
    """The rules that intake asks, in their order, the disabled ones too."""
    return [row.as_document() for row in RoutingRule.objects.order_by("order", "name")]
