"""`python -m segmentation.phantom OUT`: phantom visits as NIfTI case folders, without Django or DICOM."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from segmentation.phantom import DEMO_SEED, make_visit, write_case


def main() -> int:
    """Write the visits asked for and print their true volumes."""
    parser = argparse.ArgumentParser(prog="python -m segmentation.phantom", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--seed", type=int, default=DEMO_SEED)
    parser.add_argument("--visits", type=int, choices=(1, 2, 3), default=3)
    asked = parser.parse_args()
    for number in range(1, asked.visits + 1):
        visit = make_visit(asked.seed, number)
        write_case(visit, asked.out / f"visit-{number}")
        volumes = ", ".join(f"{name} {ml:.1f} ml" for name, ml in visit.volumes_ml.items())
        print(f"visit {number}  day {visit.days_since_first:3}  {visit.phase}  {volumes}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
