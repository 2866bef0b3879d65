"""`make bench`: figures, each against a reference measured in the same run. Nothing here is asserted.

Machines are shared and noisy: read the ratios, not the seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from segmentation.launch import FAST_MALLOC_ENV
from segmentation.model_description import find_model
from segmentation.phantom import make_prepared_case
from segmentation.registry import load_model
from segmentation.segment import segment
from segmentation.types import Phase
from webapp.stack.plan import REPOSITORY, var_dir

REPEATS = 3
WARM_UP = 1
VARIANTS = {
    "bf16, fast malloc": ("bf16", FAST_MALLOC_ENV),
    "bf16, plain malloc": ("bf16", {}),
    "fp32, fast malloc": ("fp32", FAST_MALLOC_ENV),
    "fp32, plain malloc (reference)": ("fp32", {}),
}


def main() -> int:
    """Print the cascade's seconds per variant and their ratio to the last one."""
    if len(sys.argv) == 3 and sys.argv[1] == "cascade":
        print(json.dumps(_cascade_seconds(sys.argv[2])))
        return 0
    medians = {name: statistics.median(_in_own_process(*variant)) for name, variant in VARIANTS.items()}
    reference = list(medians.values())[-1]
    print(f"Cascade on a simulated case (phantom, 1 mm), model {_model_folder().name}, median of {REPEATS}:")
    for name, seconds in medians.items():
        print(f"  {name:<32} {seconds:6.1f} s   {reference / seconds:4.2f} x")
    return 0


def _model_folder() -> Path:
    return find_model(None, [REPOSITORY / "segmentation" / "models", var_dir() / "models"])


def _in_own_process(precision: str, extra: dict[str, str]) -> list[float]:
    # The allocator is chosen when a process starts.
    clean = {key: value for key, value in os.environ.items() if key not in FAST_MALLOC_ENV}
    line = [sys.executable, "-m", "tests.benchmarks", "cascade", precision]
    done = subprocess.run(
        line, cwd=REPOSITORY, env={**clean, **extra}, capture_output=True, text=True, check=True
    )
    seconds: list[float] = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds


def _cascade_seconds(precision: str) -> list[float]:
    model = load_model(_model_folder(), "auto", precision)
    prepared, _ = make_prepared_case(7001, visit=1)
    seconds = []
    for _ in range(WARM_UP + REPEATS):
        began = time.perf_counter()
        segment(prepared, model, Phase.PREOP)
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]


if __name__ == "__main__":
    sys.exit(main())
