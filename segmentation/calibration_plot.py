"""A picture of a calibration: stated against observed coverage, and found against true volumes with their intervals.

Real images and simulated ones are drawn apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmentation.calibration import Run, left_out_intervals
from segmentation.degrade import Degradation
from segmentation.interval import LEVEL, conformal_quantile, without_patient
from segmentation.types import Compartment

PANEL_INCHES = 3.4
DOTS_PER_INCH = 150
LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975])
LEAST_DRAWN_ML = 0.1
STYLES = {
    Degradation.NONE: ("black", "o", "as acquired"),
    Degradation.NOISE: ("tab:orange", "s", "noise (simulated)"),
    Degradation.THICK: ("tab:blue", "^", "5 mm slices (simulated)"),
    Degradation.MISALIGNED: ("tab:purple", "D", "misaligned (simulated)"),
}


def write_calibration_plot(path: Path, runs: Sequence[Run]) -> None:
    """Write a PNG: coverage above, volumes below, a column per compartment; every patient judged without his runs."""
    # Figure without pyplot: no backend is chosen and nothing stays open in a worker.
    names = [part.value for part in Compartment]
    figure = Figure(figsize=(PANEL_INCHES * len(names), 2 * PANEL_INCHES), layout="constrained")
    for (above, below), name in zip(figure.subplots(2, len(names)).T, names, strict=True):
        _draw_coverage(above, runs, name)
        _draw_volumes(below, runs, name)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def observed_coverage(runs: Sequence[Run], name: str, level: float) -> list[bool]:
    """For each run whether an interval of this level, calibrated on the other patients, holds the truth."""
    scores, patients = [run.score(name) for run in runs], [run.patient for run in runs]
    limits = {
        patient: conformal_quantile(without_patient(scores, patients, patient), level)
        for patient in set(patients)
    }
    return [score <= limits[patient] for score, patient in zip(scores, patients, strict=True)]


def _draw_coverage(axes: Axes, runs: Sequence[Run], name: str) -> None:
    inside = np.array([observed_coverage(runs, name, level) for level in LEVELS])
    kinds = np.array([run.degradation.value for run in runs])
    axes.plot([0.5, 1], [0.5, 1], color="grey", linewidth=0.8)
    for kind, (colour, marker, label) in STYLES.items():
        if (chosen := kinds == kind.value).any():
            shares = inside[:, chosen].mean(axis=1)
            axes.plot(LEVELS, shares, color=colour, marker=marker, markersize=3.5, linewidth=1, label=label)
    axes.axvline(LEVEL, color="grey", linewidth=0.5, linestyle=":")
    axes.set(title=name, xlabel="stated coverage", ylabel="observed", xlim=(0.48, 1), ylim=(0.48, 1.02))


def _draw_volumes(axes: Axes, runs: Sequence[Run], name: str) -> None:
    for judged in left_out_intervals(runs, name):
        colour, marker, _ = STYLES[judged.degradation]
        true_ml, found = max(judged.true_ml, LEAST_DRAWN_ML), judged.estimate
        low_ml, ml, high_ml = (max(v, LEAST_DRAWN_ML) for v in (found.low_ml, found.ml, found.high_ml))
        axes.vlines(true_ml, low_ml, high_ml, color=colour, linewidth=0.8, alpha=0.6)
        axes.plot(true_ml, ml, color=colour, marker=marker, markersize=3, alpha=0.8)
    axes.set(xscale="log", yscale="log", xlabel="true volume (mL)", ylabel="found, 95 % interval (mL)")
    limits = (LEAST_DRAWN_ML, max(axes.get_xlim()[1], axes.get_ylim()[1]))
    axes.plot(limits, limits, color="grey", linewidth=0.8)
    axes.set(xlim=limits, ylim=limits)
