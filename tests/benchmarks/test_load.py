"""The figures of the load benchmark, against days that can be counted by hand."""

from __future__ import annotations

import pytest

from tests.benchmarks.load_day import DAY_S, STUDIES_PER_HOUR, at_once, day
from tests.benchmarks.load_figures import Work, busy_seconds, figures, spread


def work(queued_s: float, started_s: float, finished_s: float, *, is_urgent: bool = False) -> Work:
    """A job of three stages: 2 s of waiting between them, the rest work."""
    took_s = finished_s - started_s - 2
    seconds = {"prepare_queue": started_s - queued_s, "prepare": took_s, "infer_queue": 2.0}
    return Work(is_urgent, queued_s, started_s, finished_s, seconds)


def test_a_day_of_600_studies_follows_its_curve_and_every_fifth_has_a_late_series() -> None:
    assert sum(STUDIES_PER_HOUR) == 600
    plan = day(600, DAY_S)
    assert [one.number for one in plan] == list(range(1, 601))
    assert plan == sorted(plan, key=lambda one: one.at_s)
    assert sum(one.late_s > 0 for one in plan) == 120
    assert all(15 * 60 <= one.late_s <= 30 * 60 for one in plan if one.late_s)
    assert sum(one.is_urgent for one in plan) == 30
    assert sum(8 * 3600 <= one.at_s < 12 * 3600 for one in plan) > 4 * 4 * sum(
        one.at_s < 3600 for one in plan
    )


def test_a_compressed_day_is_the_same_day_only_faster() -> None:
    slow, fast = day(50, DAY_S), day(50, DAY_S / 100)
    assert [one.at_s for one in fast] == pytest.approx([one.at_s / 100 for one in slow])
    assert [one.late_s for one in fast] == pytest.approx([one.late_s / 100 for one in slow])


def test_of_studies_that_come_together_the_urgent_ones_come_last() -> None:
    plan = at_once(40)
    assert {one.at_s for one in plan} == {0.0}
    assert [one.number for one in plan if one.is_urgent] == [39, 40]


def test_half_and_95_percent_are_values_that_were_seen() -> None:
    assert spread([float(value) for value in range(1, 101)]) == (50.0, 95.0)
    assert spread([3.0]) == (3.0, 3.0)


def test_idle_hours_do_not_count_as_busy() -> None:
    assert busy_seconds([(0, 10), (5, 12), (100, 110), (101, 102)]) == 22


def test_throughput_waits_and_work_of_a_small_day() -> None:
    found = figures(2, [work(0, 1, 13), work(0, 13, 25), work(100, 100, 110)])
    assert found.busy_s == 35
    assert found.per_hour == pytest.approx(3 / 35 * 3600)
    assert found.work_s == pytest.approx((10 + 10 + 8) / 3)
    assert found.first_wait_s == (1, 13)
    assert found.whole_wait_s == (3, 15)


def test_an_urgent_job_that_is_passed_over_is_counted() -> None:
    urgent = work(10, 20, 30, is_urgent=True)
    before, just_claimed, passing, after = (work(0, start, 40) for start in (9, 10.2, 15, 21))
    assert figures(1, [urgent, before, just_claimed, after]).overtaken == 0
    assert figures(1, [urgent, before, passing, after]).overtaken == 1
