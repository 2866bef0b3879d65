"""All levels of one visit on one picture: grey values as JPEG, the mask as PNG that lets them through. Pure."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from orthanc.codes import COLOURS, SEGMENTS, Palette
from orthanc.secondary_capture import OPACITY
from segmentation.visit_film import SIZE_XYZ

COLUMNS = 9
ROWS = -(-SIZE_XYZ[2] // COLUMNS)
QUALITY = 82
WINDOW_PERCENTILES = (1.0, 99.8)
IN_PLANE = np.ones((1, 3, 3), bool)


def grey_sheet(values_zyx: np.ndarray) -> bytes:
    """The levels in rows from the upper left, the lowest first, as JPEG; windowed once for all of them."""
    seen = values_zyx[values_zyx > 0]
    low, high = np.percentile(seen if seen.size else values_zyx, WINDOW_PERCENTILES)
    scaled = (values_zyx - low) * (255.0 / max(float(high - low), 1e-6))
    made = BytesIO()
    levels = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    Image.fromarray(_laid_out(levels)).save(made, "JPEG", quality=QUALITY)
    return made.getvalue()


def mask_sheet(labels_zyx: np.ndarray, palette: Palette) -> bytes:
    """The same places with each tissue filled faintly and outlined, the rest see-through, as PNG."""
    drawn = np.zeros(labels_zyx.shape, np.uint8)
    colours, opacities = [0, 0, 0], [0]
    for kind in SEGMENTS:
        inside = labels_zyx == kind.label
        drawn[inside] = len(opacities)
        drawn[inside & ~ndimage.binary_erosion(inside, IN_PLANE)] = len(opacities) + 1
        colours += [*COLOURS[palette][kind.region]] * 2
        opacities += [round(255 * OPACITY), 255]
    sheet = Image.fromarray(_laid_out(drawn))
    sheet.putpalette(colours)
    made = BytesIO()
    sheet.save(made, "PNG", transparency=bytes(opacities))
    return made.getvalue()


def _laid_out(levels_zyx: np.ndarray) -> np.ndarray:
    n, height, width = levels_zyx.shape
    padded = np.pad(levels_zyx, ((0, COLUMNS * ROWS - n), (0, 0), (0, 0)))
    tiles = padded.reshape(ROWS, COLUMNS, height, width)
    return np.ascontiguousarray(tiles.swapaxes(1, 2).reshape(ROWS * height, COLUMNS * width))
