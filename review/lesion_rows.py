"""The lesions of a result out of its rows, with the identities that they have over visits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from review.course_facts import TrackedAt
from review.models import Following, Result, TrackedLesion
from segmentation.types import Fate

NOT_FOLLOWED = "Lesions were not followed over visits when this was measured."


def why_not_followed(result: Result) -> str:
    """Why the lesions of a result have no identity over visits; empty where they have. Prefetched rows are used."""
    following: Following | None = getattr(result, "following", None)
    return following.words if following else NOT_FOLLOWED


def tracked_in(result: Result) -> tuple[TrackedAt, ...] | None:
    """Every lesion under its identity, where it has one."""
    if result.lesions is None:
        return None
    known = result.identities
    return tuple(_tracked_at(one, known.get(one["number"])) for one in result.lesions)


def _tracked_at(one: Mapping[str, Any], row: TrackedLesion | None) -> TrackedAt:
    bare = TrackedAt(
        component=one["number"],
        enhancing_ml=one["enhancing_ml"],
        nonenhancing_core_ml=one["nonenhancing_core_ml"],
        oedema_ml=one["oedema_ml"],
        long_diameter_mm=one["long_diameter_mm"],
        perpendicular_diameter_mm=one["perpendicular_diameter_mm"],
        is_measurable=one["is_measurable"],
        hemisphere=one["hemisphere"],
        lobe=one["lobe"],
    )
    if row is None:
        return bare
    return replace(bare, tracking_uid=row.tracking_uid, fate=Fate(row.fate), parent_uids=tuple(row.parents))
