"""What the rows of a day say: waits, throughput, and whether urgent studies overtook the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STAGES = ("prepare", "infer", "publish")
JUST_CLAIMED_S = 0.5
"""A worker that is just taking a job when an urgent one is queued has not passed it over."""


@dataclass(frozen=True)
class Work:
    """One job as its row tells it; times in seconds on one clock."""

    is_urgent: bool
    queued_s: float
    started_s: float
    finished_s: float
    seconds: dict[str, float]

    @property
    def work_s(self) -> float:
        """What a worker was busy with it."""
        return sum(self.seconds.get(stage, 0.0) for stage in STAGES)

    @property
    def waited_s(self) -> float:
        """What it waited before its three stages."""
        return sum(self.seconds.get(f"{stage}_queue", 0.0) for stage in STAGES)


@dataclass(frozen=True)
class DayFigures:
    """One run of the day. Waits are (median, 95 %)."""

    workers: int
    done: int
    busy_s: float
    work_s: float
    first_wait_s: tuple[float, float]
    whole_wait_s: tuple[float, float]
    urgent_wait_s: tuple[float, float]
    overtaken: int

    @property
    def per_hour(self) -> float:
        """Studies done in an hour in which there is always work."""
        return 3600 * self.done / self.busy_s


def figures(workers: int, jobs: Sequence[Work]) -> DayFigures:
    """The figures of a run with so many workers."""
    return DayFigures(
        workers,
        len(jobs),
        busy_seconds([(job.queued_s, job.finished_s) for job in jobs]),
        sum(job.work_s for job in jobs) / len(jobs),
        spread([job.started_s - job.queued_s for job in jobs]),
        spread([job.waited_s for job in jobs]),
        spread([job.waited_s for job in jobs if job.is_urgent]),
        passed_over(jobs),
    )


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Median and 95 %: the least values that half, and 95 %, of all do not pass; nan without any."""
    ordered = sorted(values)
    if not ordered:
        return float("nan"), float("nan")
    return ordered[(len(ordered) - 1) // 2], ordered[-(-95 * len(ordered) // 100) - 1]


def busy_seconds(spans: Sequence[tuple[float, float]]) -> float:
    """How long at least one of the spans was open."""
    busy_s, until_s = 0.0, float("-inf")
    for begin_s, end_s in sorted(spans):
        busy_s += max(end_s - max(begin_s, until_s), 0.0)
        until_s = max(until_s, end_s)
    return busy_s


def passed_over(jobs: Sequence[Work]) -> int:
    """How often a job that is not urgent was begun while an urgent one waited."""
    starts = [job.started_s for job in jobs if not job.is_urgent]
    return sum(
        job.queued_s + JUST_CLAIMED_S < start_s < job.started_s
        for job in jobs
        if job.is_urgent
        for start_s in starts
    )
