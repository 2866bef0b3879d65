"""Week by week: useful results, where time goes, reasons of flags and failures, and what each scanner sends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from review.drift import SeenStudy
from review.models import Flag, Job, Study
from review.yields import ENDED

STAGES = ("prepare_queue", "prepare", "infer_queue", "infer", "publish_queue", "publish")
MOST_NAMES = 8
"""Lines of a chart that the eye can still tell apart; the rest are few."""


@dataclass(frozen=True, slots=True)
class Weekly:
    """Lines over the same weeks (their Mondays); None where a week has nothing to say."""

    weeks: tuple[date, ...]
    lines: dict[str, list[float | None]]

    def as_json(self) -> dict[str, Any]:
        """For a chart."""
        return {"weeks": [f"{one:%Y-%m-%d}" for one in self.weeks], "lines": self.lines}


def week_of(moment: datetime | date) -> date:
    """The Monday of a day, in the time zone of the site."""
    day = timezone.localdate(moment) if isinstance(moment, datetime) else moment
    return day - timedelta(days=day.weekday())


def weekly_yield(since: datetime) -> Weekly:
    """Percent of useful results of the valid studies that came in each week, and how many were valid."""
    flagged = Flag.objects.filter(result=OuterRef("current_result"), undone_at=None)
    valid = Study.objects.filter(state__in=ENDED, first_seen_at__gte=since, matched_rule__isnull=False)
    rows = valid.annotate(is_poor=Exists(flagged)).values_list(
        "first_seen_at", "state", "current_result", "is_poor"
    )
    ends: dict[date, list[bool]] = defaultdict(list)
    for came, state, result, is_poor in rows:
        ends[week_of(came)].append(state == Study.State.DONE and result is not None and not is_poor)
    weeks = _weeks(ends)
    percent = [round(100 * sum(ends[one]) / len(ends[one]), 1) if one in ends else None for one in weeks]
    return Weekly(
        weeks, {"Yield": percent, "Valid studies": [float(len(ends.get(one, []))) for one in weeks]}
    )


def weekly_seconds(since: datetime) -> Weekly:
    """Median seconds of each stage, and of the wait before it, of the jobs that ended well in each week."""
    found: dict[date, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    done = Job.objects.filter(created_at__gte=since, state=Job.State.DONE).values_list(
        "created_at", "seconds"
    )
    for made, seconds in done:
        for name in STAGES:
            if name in seconds:
                found[week_of(made)][name].append(seconds[name])
    weeks = _weeks(found)
    lines = {
        name: [round(median(found[one][name]), 1) if found[one][name] else None for one in weeks]
        for name in STAGES
    }
    return Weekly(weeks, {name: values for name, values in lines.items() if any(values)})


def weekly_flags(since: datetime) -> Weekly:
    """Standing flags of each week by their reason."""
    standing = Flag.objects.filter(undone_at=None, at__gte=since).values_list("at", "reason")
    return _counted((week_of(at), reason) for at, reason in standing)


def weekly_failures(since: datetime) -> Weekly:
    """Studies of each week that ended without a result, by how."""
    ended = Study.objects.filter(state__in=ENDED[1:], first_seen_at__gte=since)
    rows = ended.values_list("first_seen_at", "state")
    return _counted((week_of(came), Study.State(state).label) for came, state in rows)


def weekly_descriptions(studies: Sequence[SeenStudy]) -> Weekly:
    """Percent of the studies of each week that have a series of a name, for the most frequent names."""
    n_studies = Counter(week_of(one.day) for one in studies)
    having: dict[str, Counter[date]] = defaultdict(Counter)
    for study in studies:
        for name in {one.description for one in study.series}:
            having[name][week_of(study.day)] += 1
    # Names that came or went are what one looks for: the largest share in any week decides.
    ranked = sorted(having, key=lambda name: (-max(_shares(having[name], n_studies)), name))[:MOST_NAMES]
    weeks = _weeks(n_studies)
    return Weekly(
        weeks, {name or "no description": _percent(having[name], n_studies, weeks) for name in ranked}
    )


def weekly_ends(studies: Sequence[SeenStudy]) -> Weekly:
    """Percent of the studies of each week that are incomplete, failed, or flagged as poor."""
    n_studies = Counter(week_of(one.day) for one in studies)
    weeks = _weeks(n_studies)
    ends = {
        "Incomplete": Counter(week_of(one.day) for one in studies if one.is_incomplete),
        "Failed": Counter(week_of(one.day) for one in studies if one.is_failed),
        "Flagged as poor": Counter(week_of(one.day) for one in studies if one.is_flagged),
    }
    return Weekly(weeks, {name: _percent(counted, n_studies, weeks) for name, counted in ends.items()})


def _counted(pairs: Iterable[tuple[date, str]]) -> Weekly:
    found: dict[str, Counter[date]] = defaultdict(Counter)
    for week, name in pairs:
        found[name][week] += 1
    weeks = _weeks({week: None for counted in found.values() for week in counted})
    return Weekly(weeks, {name: [float(found[name][one]) for one in weeks] for name in sorted(found)})


def _weeks(having: Iterable[Hashable]) -> tuple[date, ...]:
    """Every week from the first to the last of which anything is told: a week without anything is to be seen."""
    told = sorted(one for one in having if isinstance(one, date))
    if not told:
        return ()
    return tuple(told[0] + timedelta(weeks=n) for n in range((told[-1] - told[0]).days // 7 + 1))


def _shares(counted: Counter[date], of: Counter[date]) -> list[float]:
    return [count / of[week] for week, count in counted.items()]


def _percent(counted: Counter[date], of: Counter[date], weeks: Sequence[date]) -> list[float | None]:
    return [round(100 * counted[one] / of[one], 1) if of[one] else None for one in weeks]
