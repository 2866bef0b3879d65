"""What no rule and no role took: kinds of series (description and scanner) with counts, and studies no rule wants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import re2
from django.db.models import Count, Max, Q, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from orthanc.types import Role
from review.models import IgnoredVariant, Series, Study
from review.routing_documents import Document
from review.rule_drafts import change_draft

LISTED = 100


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of series that nobody took: how many, in how many studies that wait, and an example."""

    description: str
    scanner: str
    n_series: int
    n_waiting: int
    last_seen: datetime
    reason: str
    study_uid: str


def unmatched_variants(since: datetime, *, ignored: bool = False) -> list[Variant]:
    """Kinds of MR series without a role, those of waiting studies first; ignored ones only where they are asked for."""
    hidden = set(IgnoredVariant.objects.values_list("description", "scanner"))
    rows = (
        Series.objects.filter(
            role=Role.NONE,
            is_ours=False,
            modality="MR",
            study__first_seen_at__gte=since,
            study__deleted_at=None,
        )
        .annotate(scanner=Coalesce(KT("header__manufacturer_model"), Value("", TextField())))
        .values("description", "scanner")
        .annotate(
            n_series=Count("pk"),
            n_waiting=Count(
                "study",
                filter=Q(study__state__in=[Study.State.WAITING, Study.State.INCOMPLETE]),
                distinct=True,
            ),
            last_seen=Max("study__first_seen_at"),
            reason=Max("role_reason"),
            study_uid=Max("study__study_uid"),
        )
        .order_by("-n_waiting", "-n_series", "description")
    )
    wanted = [row for row in rows if ((row["description"], row["scanner"]) in hidden) is ignored]
    return [Variant(**row) for row in wanted[:LISTED]]


def unwanted_studies(since: datetime) -> list[dict[str, Any]]:
    """Studies that no rule wants, by description and institution, with counts."""
    rows = (
        Study.objects.filter(state=Study.State.NOT_WANTED, first_seen_at__gte=since, deleted_at=None)
        .values("description", "institution")
        .annotate(
            count=Count("pk"), last_seen=Max("first_seen_at"), study_uid=Max("study_uid"), why=Max("reason")
        )
        .order_by("-count", "description")
    )
    return [dict(row) for row in rows[:LISTED]]


def ignore(description: str, scanner: str, by: str) -> None:
    """Keep a kind of series out of the inbox from now on."""
    IgnoredVariant.objects.get_or_create(
        description=description[:255], scanner=scanner[:255], defaults={"by": by}
    )


def heed_again(description: str, scanner: str) -> None:
    """Show an ignored kind of series again."""
    IgnoredVariant.objects.filter(description=description, scanner=scanner).delete()


def say_role(by: str, rule_key: str, role: Role, description: str, scanner: str) -> None:
    """Add "series so called, of this scanner, are FLAIR here" to a rule of the person's draft."""
    conditions = [_exactly("SeriesDescription", description)]
    if scanner:
        conditions.append(_exactly("ManufacturerModelName", scanner))
    override = {"role": role.value, "series": conditions}

    def change(rules: list[Document]) -> list[Document]:
        return [
            {**one, "role_overrides": [*one["role_overrides"], override]}
            if one["key"] == rule_key and override not in one["role_overrides"]
            else one
            for one in rules
        ]

    change_draft(by, change)


def _exactly(tag: str, text: str) -> dict[str, str]:
    """A condition that only this text fits, also where it is empty or holds the sign that separates alternatives."""
    if text.strip() and "|" not in text:
        return {"tag": tag, "test": "equals", "value": text}
    return {"tag": tag, "test": "matches", "value": f"^{re2.escape(text)}$"}
