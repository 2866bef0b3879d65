"""Where in the brain a point is: the side by the brain's own plane of symmetry, the lobe by an atlas.

The atlas, in the coordinates of the MNI brain, is fitted to the outline of this brain in proportion (as Talairach and
Tournoux did with a box around it). A lesion that pushes the brain aside shifts the answer: it is a word for
orientation, not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.lobe_atlas import nearest_lobe
from segmentation.types import Hemisphere, Lobe

MOSTLY = 0.9
"""Share of a lesion on one side from which on it is of that side."""
_MOST_POINTS = 5000

Points = npt.NDArray[np.float64]

_BOX_MNI = np.array([[-70.0, -105.0, -62.0], [70.0, 72.0, 80.0]])
"""The outline of the MNI brain: left to right is -x to x, back to front -y to y, bottom to top."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lesion is, in words."""

    hemisphere: Hemisphere
    lobe: Lobe


@dataclass(frozen=True, slots=True)
class BrainFrame:
    """A brain's plane of symmetry and its outer limits; points and lengths in mm, LPS."""

    centre_mm: Points
    tilt: Points
    """By how much the plane moves to the left for each mm towards the back, and each mm up."""
    box_mm: Points
    """Least and largest (distance from the plane, y, z), (2, 3)."""

    def place_of(self, points_mm: Points) -> Place:
        """The side and the lobe of a lesion's voxels, (n, 3)."""
        left_mm = self._left_of_plane_mm(points_mm)
        return Place(_hemisphere(float((left_mm > 0).mean())), self._lobe(points_mm, left_mm))

    def _left_of_plane_mm(self, points_mm: Points) -> Points:
        away = points_mm - self.centre_mm
        return np.asarray(away[:, 0] - away[:, 1:] @ self.tilt)

    def _lobe(self, points_mm: Points, left_mm: Points) -> Lobe:
        """The one that most voxels are in or next to."""
        step = -(-len(points_mm) // _MOST_POINTS)
        own = np.column_stack([np.abs(left_mm), points_mm[:, 1:]])[::step]
        share = (own - self.box_mm[0]) / (self.box_mm[1] - self.box_mm[0])
        low, high = _BOX_MNI
        x = share[:, 0] * high[0]
        y = high[1] - share[:, 1] * (high[1] - low[1])
        z = low[2] + share[:, 2] * (high[2] - low[2])
        return nearest_lobe(np.column_stack([x, y, z]))


def brain_frame(brain_mask: sitk.Image) -> BrainFrame:
    """The frame of a brain from its mask on a grid that faces LPS.

    A brain is longer than wide, so its long axis seen from above gives the plane's turn; its lean is that of the
    middles between the left and the right end on each line.
    """
    mask_zyx = sitk.GetArrayViewFromImage(brain_mask) != 0
    z, y = np.nonzero(mask_zyx.any(axis=2))
    lines = mask_zyx[z, y]
    first, last = lines.argmax(axis=1), lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)
    ends_mm = [_points_mm(brain_mask, np.column_stack([x, y, z])) for x in (first, last)]
    middles_mm = (ends_mm[0] + ends_mm[1]) / 2
    centre_mm = middles_mm.mean(axis=0)
    away = middles_mm - centre_mm
    tilt = np.array([_long_axis_slope(mask_zyx.sum(axis=0)), np.polyfit(away[:, 2], away[:, 0], 1)[0]])
    outline_mm = np.concatenate(ends_mm)
    beyond = outline_mm - centre_mm
    half_width = np.percentile(np.abs(beyond[:, 0] - beyond[:, 1:] @ tilt), 99)
    limits = np.stack([outline_mm.min(axis=0), outline_mm.max(axis=0)])
    limits[:, 0] = (0.0, half_width)
    return BrainFrame(centre_mm, tilt, limits)


def _long_axis_slope(weights_yx: npt.NDArray[np.int64]) -> float:
    """Voxels to the left for each towards the back, along the long axis of the brain seen from above."""
    y, x = (axis - np.average(axis, weights=weights_yx) for axis in np.indices(weights_yx.shape, float))
    xx, xy, yy = (np.average(product, weights=weights_yx) for product in (x * x, x * y, y * y))
    return float(np.tan(0.5 * np.arctan2(2 * xy, yy - xx)))


def _hemisphere(left_share: float) -> Hemisphere:
    if left_share >= MOSTLY:
        return Hemisphere.LEFT
    return Hemisphere.RIGHT if left_share <= 1 - MOSTLY else Hemisphere.BOTH


def _points_mm(grid: sitk.Image, indices_xyz: npt.NDArray[np.int64]) -> Points:
    direction = np.reshape(grid.GetDirection(), (3, 3))
    return np.asarray(grid.GetOrigin() + (indices_xyz * grid.GetSpacing()) @ direction.T)
