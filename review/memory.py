"""How much memory this process holds (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

STATM = Path("/proc/self/statm")
PREFER_TO_END = 500
"""Where memory ends, the kernel takes a worker, whose job is tried again, rather than PostgreSQL or Orthanc."""


def resident_mb() -> float:
    """Megabytes of this process in memory; 0 where the system does not tell."""
    if not STATM.is_file():
        return 0.0
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def offer_to_be_ended() -> None:
    """Let the kernel end this process before others when memory runs out."""
    place = Path("/proc/self/oom_score_adj")
    if place.is_file():
        place.write_text(str(PREFER_TO_END))
