"""Speed and memory of the cascade, against the procedure its authors published, at equal networks.

Each variant runs in a process of its own, one after the other in one run, because the allocator is chosen when a
process starts and memory cannot be given back to a measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segmentation.intensity import network_input
from segmentation.launch import FAST_MALLOC_ENV
from segmentation.phantom import make_prepared_case
from segmentation.registry import CascadeModel, load_model
from segmentation.segment import segment
from segmentation.types import Phase, PreparedScan
from tests.benchmarks.reference_procedure import reference_cascade

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_PHANTOM = 7001


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the same networks on the same case."""

    name: str
    precision: Literal["auto", "fp32", "bf16"]
    fast_malloc: bool
    published: bool = False


VARIANTS = (
    Variant("whole volume, bf16, fast malloc (shipped)", "bf16", True),
    Variant("whole volume, fp32, fast malloc", "fp32", True),
    Variant("whole volume, fp32, plain malloc", "fp32", False),
    Variant("published: 19/11 slabs, fp32, frames", "fp32", False, published=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds a case, and the resident memory after each and at the highest."""

    seconds: list[float]
    resident_mb: list[float]
    peak_mb: float


def compare_variants(folder: Path, repeats: int) -> str:
    """The table of speed: medians, their ratio to the published procedure, peak memory."""
    measured = {variant: _in_own_process(variant, folder, repeats, cases=1) for variant in VARIANTS}
    medians = {variant: statistics.median(one.seconds) for variant, one in measured.items()}
    reference = medians[VARIANTS[-1]]
    lines = [f"Cascade on a simulated case (phantom, 1 mm), model {folder.name}, median of {repeats}:"]
    lines += [
        f"  {variant.name:<44} {medians[variant]:6.1f} s  {reference / medians[variant]:5.2f} x"
        f"  peak {measured[variant].peak_mb / 1000:.2f} GB"
        for variant in VARIANTS
    ]
    return "\n".join(lines)


def watch_memory(folder: Path, cases: int) -> str:
    """Resident memory of the shipped variant over many different cases in one process."""
    one = _in_own_process(VARIANTS[0], folder, repeats=1, cases=cases)
    marks = [
        f"{number + 1}: {one.resident_mb[number] / 1000:.2f}"
        for number in range(0, cases, max(1, cases // 10))
    ]
    return (
        f"Memory over {cases} simulated cases in one process, GB after case {', '.join(marks)}; "
        f"peak {one.peak_mb / 1000:.2f} GB"
    )


def main(arguments: list[str]) -> int:
    """Measure one variant in this process and print it as JSON; what `_in_own_process` starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("repeats", type=int)
    parser.add_argument("cases", type=int)
    options = parser.parse_args(arguments)
    variant = VARIANTS[options.variant]
    model = load_model(options.folder, "cpu", variant.precision)
    warm_up = 1 if options.cases == 1 else 0
    seconds: list[float] = []
    resident_mb: list[float] = []
    for number in range(options.cases):
        prepared, _ = make_prepared_case(FIRST_PHANTOM + number, visit=1)
        for _ in range(warm_up + options.repeats):
            began = time.perf_counter()
            _run(variant, model, prepared)
            seconds.append(time.perf_counter() - began)
        resident_mb.append(_resident_mb())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"seconds": seconds[warm_up:], "resident_mb": resident_mb, "peak_mb": peak_mb}))
    return 0


def _run(variant: Variant, model: CascadeModel, prepared: PreparedScan) -> None:
    if variant.published:
        reference_cascade(model, network_input(prepared))
    else:
        segment(prepared, model, Phase.PREOP)


def _in_own_process(variant: Variant, folder: Path, repeats: int, cases: int) -> Measured:
    clean = {key: value for key, value in os.environ.items() if key not in FAST_MALLOC_ENV}
    place = str(VARIANTS.index(variant))
    line = [sys.executable, "-m", "tests.benchmarks.cascade", place, str(folder), str(repeats), str(cases)]
    done = subprocess.run(
        line,
        cwd=REPOSITORY,
        env=clean | (FAST_MALLOC_ENV if variant.fast_malloc else {}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))


def _resident_mb() -> float:
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
