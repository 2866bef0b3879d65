"""How well a mask fits a reference: overlap, and distance between surfaces."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from segmentation.intensity import Mask, bounding_box


def dice(a_zyx: Mask, b_zyx: Mask) -> float:
    """Dice overlap; 1 where both are empty, 0 where one is."""
    total = np.count_nonzero(a_zyx) + np.count_nonzero(b_zyx)
    return float(2 * np.count_nonzero(a_zyx & b_zyx) / total) if total else 1.0


def jaccard(a_zyx: Mask, b_zyx: Mask) -> float:
    """Jaccard overlap; 1 where both are empty, 0 where one is."""
    union = np.count_nonzero(a_zyx | b_zyx)
    return float(np.count_nonzero(a_zyx & b_zyx) / union) if union else 1.0


def hd95_mm(a_zyx: Mask, b_zyx: Mask, spacing_zyx_mm: Sequence[float]) -> float:
    """95th percentile of the distances between the surfaces, both ways; mm.

    0 where both are empty; infinite where one is.
    """
    if not a_zyx.any() and not b_zyx.any():
        return 0.0
    if not a_zyx.any() or not b_zyx.any():
        return math.inf
    box_zyx = bounding_box(a_zyx | b_zyx, margin_voxels=1)
    a_surface, b_surface = _surface(a_zyx[box_zyx]), _surface(b_zyx[box_zyx])
    to_b = ndimage.distance_transform_edt(~b_surface, sampling=spacing_zyx_mm)
    to_a = ndimage.distance_transform_edt(~a_surface, sampling=spacing_zyx_mm)
    return float(np.percentile(np.concatenate((to_b[a_surface], to_a[b_surface])), 95))


def _surface(mask_zyx: Mask) -> Mask:
    """Voxels of the mask with a face on the outside; the array's edge counts as outside."""
    return np.asarray(mask_zyx & ~ndimage.binary_erosion(mask_zyx), bool)
