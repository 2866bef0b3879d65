"""A picture of an evaluation: each case a line from model to model, the means on top."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmentation.comparison import Scored
from segmentation.evaluate import REGIONS

PANEL_INCHES = 3.2
DOTS_PER_INCH = 150
LONGEST_NAME = 26


def write_plot(path: Path, models: Sequence[Scored], measure: str = "dice") -> None:
    """Write a PNG: a row per phase, a column per region; needs no screen."""
    phases = sorted({case.phase.value for model in models for case in model.cases})
    # Figure without pyplot: no backend is chosen and nothing stays open in a worker.
    size = (PANEL_INCHES * len(REGIONS), PANEL_INCHES * max(1, len(phases)))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(max(1, len(phases)), len(REGIONS), squeeze=False, sharey=True)
    for row, phase in zip(panels, phases, strict=False):
        for axes, region in zip(row, REGIONS, strict=True):
            _draw(axes, models, phase, region, measure)
        row[0].set_ylabel(f"{measure.capitalize()}, {phase}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def _draw(axes: Axes, models: Sequence[Scored], phase: str, region: str, measure: str) -> None:
    scores = [
        {case.case: getattr(case, measure)[region] for case in model.cases if case.phase.value == phase}
        for model in models
    ]
    for name in sorted({name for of_model in scores for name in of_model}):
        points = [(place, of_model[name]) for place, of_model in enumerate(scores) if name in of_model]
        places, values = zip(*points, strict=True)
        axes.plot(places, values, color="tab:blue", marker="o", markersize=3, linewidth=0.7, alpha=0.5)
    for place, of_model in enumerate(scores):
        if of_model:
            mean = statistics.fmean(of_model.values())
            axes.hlines(mean, place - 0.2, place + 0.2, color="black", linewidth=2)
            axes.annotate(f"{mean:.3f}", (place, mean), (0, 5), textcoords="offset points", ha="center")
    axes.set_title(region)
    axes.set_xticks(range(len(models)), [_short(model.name) for model in models], rotation=20, ha="right")
    axes.set_xlim(-0.5, len(models) - 0.5)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(axis="y", linewidth=0.4)


def _short(name: str) -> str:
    """The end of a long name: where models are told apart by their folders, it is the end that differs."""
    return name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
