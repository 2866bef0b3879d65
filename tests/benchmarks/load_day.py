"""When the studies of a day arrive at a large site: few at night, a full morning, one in five with a late series."""

from __future__ import annotations

import random
from dataclasses import dataclass

STUDIES_PER_HOUR = (4, 3, 3, 3, 4, 8, 18, 36, 48, 52, 52, 48, 36, 42, 48, 46, 40, 32, 24, 18, 14, 10, 6, 5)
"""A day of 600 studies from midnight on."""
DAY_S = 24 * 3600.0
LATE_EVERY, LATE_MIN = 5, (15.0, 30.0)
"""20 % of studies have a series that comes 15 to 30 min after the others (Lotan et al., AJNR 2022;43:24-32)."""
URGENT_EVERY = 20


@dataclass(frozen=True)
class Arrival:
    """One study: when it is sent, and how long after that its FLAIR is (0: with the others)."""

    number: int
    at_s: float
    late_s: float
    is_urgent: bool


def day(count: int, lasts_s: float, seed: int = 7) -> list[Arrival]:
    """So many studies by the curve of the day, compressed to `lasts_s`; the first in front."""
    chance = random.Random(seed)
    faster = DAY_S / lasts_s
    hours = chance.choices(range(24), STUDIES_PER_HOUR, k=count)
    times_s = sorted((hour + chance.random()) * 3600 / faster for hour in hours)
    return [
        Arrival(
            number,
            at_s - times_s[0],
            chance.uniform(*LATE_MIN) * 60 / faster if number % LATE_EVERY == 0 else 0.0,
            number % URGENT_EVERY == URGENT_EVERY // 2,
        )
        for number, at_s in enumerate(times_s, start=1)
    ]


def at_once(count: int) -> list[Arrival]:
    """All together, the urgent ones last."""
    urgent = max(1, count // URGENT_EVERY)
    return [Arrival(number, 0.0, 0.0, number > count - urgent) for number in range(1, count + 1)]
