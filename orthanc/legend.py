"""What the colours of an overlay mean, the volumes, and what the reader must know, drawn as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from orthanc.codes import COLOURS, Palette
from orthanc.types import AlgorithmInfo, CompartmentVolume, MeasuredRegion

SMALLEST_PX = 11
"""Smaller letters cannot be read on a 256-pixel image that an archive enlarges."""
PIXELS_PER_LETTER_HEIGHT = 32
STATEMENT = "AI, research use only. Not a medical device."
WORDS = {
    MeasuredRegion.ENHANCING_TUMOUR: "Enhancing tumour (ET)",
    MeasuredRegion.NONENHANCING_CORE: "Core, not enhancing (NC)",
    MeasuredRegion.OEDEMA: "Oedema (ED)",
    MeasuredRegion.TUMOUR_CORE: "Tumour core, ET + NC",
    MeasuredRegion.WHOLE_TUMOUR: "Whole tumour",
}
GREY, WHITE = (170, 170, 170), (235, 235, 235)
MARGIN_PX = 3


def draw_legend(
    volumes: Sequence[CompartmentVolume],
    algorithm: AlgorithmInfo,
    remarks: Sequence[str],
    palette: Palette,
    width_px: int,
) -> np.ndarray:
    """RGB (rows, columns, 3), as wide as its longest line needs; letters grow with the image below `width_px`."""
    letter_px = max(SMALLEST_PX, width_px // PIXELS_PER_LETTER_HEIGHT)
    font = ImageFont.load_default(size=letter_px)
    lines = _lines(volumes, algorithm, remarks, palette)
    step_px, indent_px = letter_px + 3, letter_px + 4
    width = max(font.getlength(text) for text, _ in lines) + indent_px + 2 * MARGIN_PX
    canvas = Image.new("RGB", (int(np.ceil(width)), step_px * len(lines) + 2 * MARGIN_PX))
    draw = ImageDraw.Draw(canvas)
    for number, (text, colour) in enumerate(lines):
        top = MARGIN_PX + number * step_px
        if colour is not None:
            draw.rectangle((MARGIN_PX, top + 2, MARGIN_PX + letter_px - 3, top + letter_px - 1), fill=colour)
        draw.text((MARGIN_PX + indent_px, top), text, fill=WHITE if colour else GREY, font=font)
    return np.asarray(canvas)


def _lines(
    volumes: Sequence[CompartmentVolume],
    algorithm: AlgorithmInfo,
    remarks: Sequence[str],
    palette: Palette,
) -> list[tuple[str, tuple[int, int, int] | None]]:
    by_region = {one.compartment: one for one in volumes}
    lines: list[tuple[str, tuple[int, int, int] | None]] = [(STATEMENT, None)]
    lines += [(remark, None) for remark in remarks]
    for region, words in WORDS.items():
        if (one := by_region.get(region)) is not None:
            text = f"{words}: {one.ml:.2f} mL ({one.low_ml:.2f} to {one.high_ml:.2f})"
            lines.append((text, COLOURS[palette].get(region)))
    lines.append((f"95 % intervals in brackets. {algorithm.name} {algorithm.version}", None))
    return lines
