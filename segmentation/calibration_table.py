"""Coverage and width of intervals by compartment and by the state of the images, in lines."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from segmentation.calibration import Judged, Run, left_out_intervals
from segmentation.degrade import Degradation
from segmentation.evaluate import WORTH_A_WIDTH_ML
from segmentation.interval import QUANTITIES


def left_out_table(runs: Sequence[Run]) -> str:
    """The figures of each run with its patient left out of the calibration."""
    judged = {name: left_out_intervals(runs, name) for name in QUANTITIES}
    return interval_table(judged)


def interval_table(judged: dict[str, list[Judged]]) -> str:
    """One line a compartment, one column a state of the images: n inside, median half-width above 5 mL."""
    kinds = [kind for kind in Degradation if any(one.degradation is kind for one in judged[QUANTITIES[0]])]
    heads = [kind if kind is Degradation.NONE else f"{kind} (simulated)" for kind in kinds]
    lines = [f"{'truth inside, half-width':<25}" + "".join(f"{head:>26}" for head in heads) + f"{'all':>8}"]
    for name in QUANTITIES:
        cells = [_cell([one for one in judged[name] if one.degradation is kind]) for kind in kinds]
        share = statistics.fmean(one.is_inside for one in judged[name])
        lines.append(f"{name:<25}" + "".join(f"{cell:>26}" for cell in cells) + f"{share:>8.3f}")
    return "\n".join(lines)


def _cell(judged: Sequence[Judged]) -> str:
    inside = sum(one.is_inside for one in judged)
    widths = [one.half_width for one in judged if one.estimate.ml > WORTH_A_WIDTH_ML]
    width = f"{statistics.median(widths):.0%}" if widths else "-"
    return f"{inside}/{len(judged)}  {width:>5}"
