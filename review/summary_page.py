"""One page per patient as PDF: curve, table, key images with the overlay, report text. Pure: values in, bytes out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

A4_INCHES = (8.27, 11.69)
MOST_ROWS = 8
MOST_LINES = 24
LINE_WIDTH = 118
COLOURS = {"ET": "#c0392b", "WT": "#1f5fbf"}
STATEMENT = "Research use only, not a medical device. Automatic measurements need a reader's eye."


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A volume with its 95 % interval at one visit; mL."""

    on: date
    ml: float
    low_ml: float
    high_ml: float


@dataclass(frozen=True, slots=True)
class KeyImage:
    """An axial slice (rows, columns, RGB as uint8) with its overlay, and what it is."""

    caption: str
    rgb: np.ndarray


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """What stands on the page; every text as it is shown."""

    title: str
    subtitle: str
    curves: dict[str, tuple[CurvePoint, ...]]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    images: tuple[KeyImage, ...]
    report: str
    footer: str


def summary_pdf(page: SummaryPage) -> bytes:
    """The page as a PDF of A4 size."""
    figure = Figure(figsize=A4_INCHES)
    _write(figure, 0.965, page.title, fontsize=14, weight="bold", va="top")
    _write(figure, 0.943, page.subtitle, fontsize=9, color="#444444", va="top")
    _draw_curve(figure.add_axes((0.10, 0.715, 0.83, 0.195)), page)
    _draw_table(figure.add_axes((0.07, 0.535, 0.86, 0.145)), page)
    _draw_images(figure, page.images)
    lines = _wrapped(page.report)
    _write(figure, 0.275, "\n".join(lines), fontsize=6.8, va="top", linespacing=1.35)
    _write(figure, 0.022, f"{STATEMENT}\n{page.footer}", fontsize=6.5, color="#444444", va="bottom")
    made = BytesIO()
    # Without a date in the file, the same page gives the same bytes.
    figure.savefig(made, format="pdf", metadata={"CreationDate": None})
    return made.getvalue()


def _write(figure: Figure, height: float, words: str, **how: Any) -> None:
    """Words as they are: a dollar sign in a name or description begins no formula."""
    figure.text(0.07, height, words, parse_math=False, **how)


def _draw_curve(axes: Axes, page: SummaryPage) -> None:
    for name, points in page.curves.items():
        volumes = [point.ml for point in points]
        below = [point.ml - point.low_ml for point in points]
        above = [point.high_ml - point.ml for point in points]
        axes.errorbar(
            [point.on for point in points],  # type: ignore[arg-type]
            volumes,
            yerr=[below, above],
            marker="o",
            markersize=4,
            capsize=3,
            linewidth=1.2,
            color=COLOURS.get(name, "#555555"),
            label=name,
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mL, 95 % interval", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(axis="y", linewidth=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if page.curves:
        axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)


def _draw_table(axes: Axes, page: SummaryPage) -> None:
    """The last rows, as many as the page holds; it says how many were left out."""
    axes.set_axis_off()
    left_out = max(0, len(page.rows) - MOST_ROWS)
    if left_out:
        axes.set_title(f"Earlier visits that are not listed here: {left_out}", fontsize=7, loc="left")
    rows = page.rows[left_out:]
    if not rows:
        return
    table = axes.table(cellText=[list(row) for row in rows], colLabels=list(page.columns), loc="upper left")
    table.auto_set_font_size(False)
    table.set_fontsize(6.8)
    table.auto_set_column_width(list(range(len(page.columns))))
    for cell in table.get_celld().values():
        cell.set_linewidth(0.3)
        cell.get_text().set_parse_math(False)


def _draw_images(figure: Figure, images: Sequence[KeyImage]) -> None:
    for place, image in enumerate(images[:2]):
        axes = figure.add_axes((0.07 + 0.44 * place, 0.305, 0.42, 0.205))
        axes.imshow(image.rgb, interpolation="nearest")
        axes.set_title(image.caption, fontsize=7.5, loc="left", parse_math=False)
        axes.set_axis_off()


def _wrapped(text: str) -> list[str]:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, LINE_WIDTH) or [""]]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], "(The text goes on in the report.)"]
