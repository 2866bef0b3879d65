"""`python -m tests.benchmarks.drift [SEEDS]`: days until a drift is told, and false alarms, in years of 10,000 headers.

Every year is looked at as the follower does, once a day with what had come until then.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

from tests.review.simulated_year import DRIFTS, alarms, day_found, days_of_data, drifting, year

SEEDS = 40
FIRST_SEED = 1000
"""None of the seeds that the tests hold."""


def days_until_told(name: str, seeds: Iterable[int]) -> str:
    """On how many days with data the drift was told, over the seeds."""
    alter, subject = DRIFTS[name]
    counted: Counter[str] = Counter()
    for seed in seeds:
        day = day_found(seed, alter, subject)
        counted[
            "not within a fortnight" if day is None else f"{days_of_data(drifting(seed, alter), day)}"
        ] += 1
    return f"{name}: days of data until told: " + ", ".join(
        f"{days} ({count} times)" for days, count in sorted(counted.items())
    )


def false_alarms(seeds: Iterable[int]) -> str:
    """How many alarms stable years raise."""
    counted = Counter(len(alarms(year(seed))) for seed in seeds)
    return "stable years by their alarms: " + ", ".join(
        f"{n}: {years}" for n, years in sorted(counted.items())
    )


def main(arguments: list[str]) -> int:
    """Print the figures."""
    seeds = range(FIRST_SEED, FIRST_SEED + (int(arguments[0]) if arguments else SEEDS))
    print(f"{len(seeds)} seeds, three scanners, 1,500 studies a year")
    for name in DRIFTS:
        print(days_until_told(name, seeds), flush=True)
    print(false_alarms(seeds))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
