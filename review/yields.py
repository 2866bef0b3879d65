"""How many valid studies end in a useful result, where time goes, and what goes wrong: reads for the dashboard."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from django.db.models import Count, Exists, OuterRef
from django.db.models.fields.json import KT

from review.models import Flag, Job, Series, Study

ENDED = (Study.State.DONE, Study.State.FAILED, Study.State.INCOMPLETE)
"""A valid study is one that a rule wanted and that has ended; a useful result is one that nobody flagged as poor."""


@dataclass(frozen=True, slots=True)
class Yield:
    """Useful results of the valid studies of one group."""

    name: str
    useful: int
    valid: int

    @property
    def percent(self) -> float:
        """The share in percent."""
        return 100 * self.useful / self.valid


def yields(since: datetime) -> dict[str, list[Yield]]:
    """Useful results by scanner, protocol, phase, model and week, of the valid studies that came since then."""
    flagged = Flag.objects.filter(result=OuterRef("current_result"), undone_at=None)
    valid = Study.objects.filter(state__in=ENDED, first_seen_at__gte=since, matched_rule__isnull=False)
    studies = list(valid.annotate(is_poor=Exists(flagged)).select_related("current_job"))
    words = _series_words(since)
    groups: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for study in studies:
        useful = study.current_result_id is not None and study.state == Study.State.DONE and not study.is_poor
        for group, name in _names(study, words.get(study.pk, ("", ""))).items():
            groups[group].append((name, useful))
    return {group: _counted(many) for group, many in groups.items()}


def _names(study: Study, words: tuple[str, str]) -> dict[str, str]:
    job = study.current_job
    year, week, _ = study.first_seen_at.isocalendar()
    return {
        "All": "all valid studies",
        "Scanner": words[0] or "not stated",
        "Protocol": words[1] or "not stated",
        "Phase": job.phase if job else "no job",
        "Model": f"{job.model_name} {job.model_version}" if job else "no job",
        "Week": f"{year}-W{week:02}",
    }


def _series_words(since: datetime) -> dict[int, tuple[str, str]]:
    """Scanner and protocol by study row, those of its first MR series."""
    rows = Series.objects.filter(
        study__first_seen_at__gte=since, study__is_heartbeat=False, is_ours=False, modality="MR"
    )
    told = rows.annotate(scanner=KT("header__manufacturer_model"), protocol=KT("header__protocol_name"))
    ordered = told.order_by("-series_number").values_list("study_id", "scanner", "protocol")
    return {study_id: (scanner or "", protocol or "") for study_id, scanner, protocol in ordered}


def _counted(many: Iterable[tuple[str, bool]]) -> list[Yield]:
    valid: Counter[str] = Counter()
    useful: Counter[str] = Counter()
    for name, is_useful in many:
        valid[name] += 1
        useful[name] += is_useful
    return [Yield(name, useful[name], valid[name]) for name in sorted(valid)]


def stage_seconds(since: datetime) -> list[tuple[str, float, int]]:
    """Median seconds of every stage, and of the wait before it, of jobs that were made since then."""
    found: dict[str, list[float]] = defaultdict(list)
    for seconds in Job.objects.filter(
        created_at__gte=since, state=Job.State.DONE, study__is_heartbeat=False
    ).values_list("seconds", flat=True):
        for name, value in seconds.items():
            found[name].append(value)
    return [(name, median(values), len(values)) for name, values in sorted(found.items())]


def failure_reasons(since: datetime) -> list[dict[str, Any]]:
    """Why studies ended without a result, the most frequent first."""
    ended = Study.objects.filter(state__in=ENDED[1:], first_seen_at__gte=since)
    return [
        dict(row)
        for row in ended.values("reason").annotate(count=Count("pk")).order_by("-count", "reason")[:20]
    ]


def flags_by_reason(since: datetime) -> list[dict[str, Any]]:
    """Standing flags by their reason, the most frequent first."""
    standing = Flag.objects.filter(undone_at=None, at__gte=since)
    return [
        dict(row)
        for row in standing.values("reason").annotate(count=Count("pk")).order_by("-count", "reason")
    ]
