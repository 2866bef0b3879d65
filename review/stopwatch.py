"""Seconds by step, for the rows and the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """What each named step of a stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step; a step that fails is not noted."""
        start_s = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start_s
