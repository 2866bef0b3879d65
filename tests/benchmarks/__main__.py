"""`make bench`: figures, each against a reference measured in the same run. Nothing here is asserted.

Machines are shared and noisy: read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import sys

from segmentation.model_description import find_model
from tests.benchmarks.cascade import REPOSITORY, compare_variants, watch_memory
from webapp.stack.plan import var_dir


def main() -> int:
    """Print the cascade's seconds and memory per variant, and its memory over many cases."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--model", help="name or folder of a model (default: the best one installed)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", type=int, default=50, help="for the memory (default 50)")
    options = parser.parse_args()
    folder = find_model(options.model, [REPOSITORY / "segmentation" / "models", var_dir() / "models"])
    print(compare_variants(folder, options.repeats), flush=True)
    print(watch_memory(folder, options.cases))
    return 0


if __name__ == "__main__":
    sys.exit(main())
