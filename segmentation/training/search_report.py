"""The history of a search for settings: a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from segmentation.whole_file import write_whole

PANEL_INCHES = 2.8
DOTS_PER_INCH = 150
LOGARITHMIC = ("lr", "l2", "kl")


@dataclass(frozen=True, slots=True)
class Try:
    """One set of settings and what it reached."""

    values: Mapping[str, float]
    """By the names of the options."""
    dice: float
    """Mean validation Dice of its networks; of one given up, as far as it came."""
    is_pruned: bool

    @property
    def words(self) -> str:
        """The settings in one line."""
        return ", ".join(f"{name} {value:.3g}" for name, value in self.values.items())


def write_table(path: Path, tries: Sequence[Try]) -> None:
    """Write a CSV: a line per try."""
    names = list(tries[0].values)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["try", "dice", "given_up", *names])
    for number, one in enumerate(tries):
        values = [f"{one.values[name]:.6g}" for name in names]
        rows.writerow([number, f"{one.dice:.6g}", int(one.is_pruned), *values])
    write_whole(path, text.getvalue().encode())


def write_plot(path: Path, tries: Sequence[Try]) -> None:
    """Write a PNG: Dice of try after try, and against each setting; tries given up are hollow."""
    names = list(tries[0].values)
    # Figure without pyplot: no backend is chosen and nothing stays open.
    size = (PANEL_INCHES * len(names), 2 * PANEL_INCHES)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(2, len(names))
    _draw_history(figure.add_subplot(grid[0, :]), tries)
    for column, name in enumerate(names):
        axes = figure.add_subplot(grid[1, column])
        _draw_points(axes, [one.values[name] for one in tries], tries)
        axes.set_xlabel(name)
        axes.set_ylabel("" if column else "validation Dice")
        if name in LOGARITHMIC:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def _draw_history(axes: Axes, tries: Sequence[Try]) -> None:
    whole = [(number, one.dice) for number, one in enumerate(tries) if not one.is_pruned]
    if whole:
        numbers, scores = zip(*whole, strict=True)
        axes.step(numbers, list(accumulate(scores, max)), where="post", color="tab:blue", label="best so far")
        axes.legend(loc="lower right", frameon=False)
    _draw_points(axes, list(range(len(tries))), tries)
    axes.set(xlabel="try (hollow: given up)", ylabel="validation Dice")


def _draw_points(axes: Axes, places: Sequence[float], tries: Sequence[Try]) -> None:
    for place, one in zip(places, tries, strict=True):
        fill = "none" if one.is_pruned else "black"
        axes.plot(place, one.dice, marker="o", markersize=4, color="black", markerfacecolor=fill)
    axes.grid(axis="y", linewidth=0.4)
