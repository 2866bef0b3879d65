"""Where in the brain a point is: the side by the brain's own plane of symmetry, the lobe by the nearest landmark.

No atlas is used. Landmarks in well-known places, in the coordinates of the MNI brain, are fitted to the outline of
this brain in proportion (as Talairach and Tournoux did with a box around it); the nearest one names the lobe. A lesion
that pushes the brain aside shifts the answer: it is a word for orientation, not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.types import Hemisphere, Lobe

MOSTLY = 0.9
"""Share of a lesion on one side from which on it is of that side."""
_MOST_POINTS = 5000

Points = npt.NDArray[np.float64]

_BOX_MNI = np.array([[-70.0, -105.0, -62.0], [70.0, 72.0, 80.0]])
"""The outline of the MNI brain: left to right is -x to x, back to front -y to y, bottom to top."""

LANDMARKS_MNI: dict[Lobe, tuple[tuple[int, int, int], ...]] = {
    Lobe.FRONTAL: (
        (8, 62, 0), (30, 54, 14), (8, 44, 40), (36, 34, 36), (48, 22, 12), (30, 38, -14), (8, 24, 58),
        (28, 6, 58), (46, 4, 42), (38, -14, 58), (8, -18, 64), (8, 36, 8), (58, 4, 22), (22, 28, 16),
    ),
    Lobe.PARIETAL: (
        (44, -30, 54), (24, -60, 60), (8, -58, 44), (58, -36, 36), (48, -62, 34), (34, -48, 50), (10, -42, 66),
        (26, -44, 32), (60, -18, 30), (32, -72, 42),
    ),
    Lobe.TEMPORAL: (
        (42, 14, -34), (60, -30, -6), (54, -38, -20), (58, -14, 2), (62, -42, 12), (26, -12, -22), (36, -32, -20),
        (50, -56, 2), (24, -2, -22), (54, 0, -22), (40, -24, -8), (50, -58, -14),
    ),
    Lobe.OCCIPITAL: (
        (8, -84, 22), (16, -98, 2), (12, -74, -4), (34, -84, 14), (40, -76, -8), (24, -88, -14), (24, -84, 30),
    ),
    Lobe.DEEP: ((12, -18, 8), (26, 2, 2), (38, 6, 0), (38, -10, 8), (12, 10, 10), (18, -4, -2), (6, -8, -6)),
    Lobe.BRAINSTEM: ((3, -28, -12), (4, -28, -32), (3, -36, -48)),
    Lobe.CEREBELLUM: ((20, -64, -42), (38, -60, -36), (6, -64, -28), (12, -50, -18), (28, -76, -34), (16, -48, -48)),
}  # fmt: skip
"""Of the right half (x to the right, y to the front, z up, mm); the left one mirrors it."""


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
        """The one that most voxels are nearest to."""
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


def nearest_lobe(points_mni: Points) -> Lobe:
    """The lobe whose landmarks are nearest to most of the points, (n, 3) in MNI coordinates."""
    names = [lobe for lobe, landmarks in LANDMARKS_MNI.items() for _ in landmarks]
    landmarks = np.array([point for points in LANDMARKS_MNI.values() for point in points], float)
    folded = np.column_stack([np.abs(points_mni[:, 0]), points_mni[:, 1:]])
    nearest = np.linalg.norm(folded[:, None] - landmarks[None], axis=2).argmin(axis=1)
    counts = {lobe: 0 for lobe in LANDMARKS_MNI}
    for index, count in enumerate(np.bincount(nearest, minlength=len(names))):
        counts[names[index]] += int(count)
    return max(counts, key=lambda lobe: counts[lobe])


def _hemisphere(left_share: float) -> Hemisphere:
    if left_share >= MOSTLY:
        return Hemisphere.LEFT
    return Hemisphere.RIGHT if left_share <= 1 - MOSTLY else Hemisphere.BOTH


def _points_mm(grid: sitk.Image, indices_xyz: npt.NDArray[np.int64]) -> Points:
    direction = np.reshape(grid.GetDirection(), (3, 3))
    return np.asarray(grid.GetOrigin() + (indices_xyz * grid.GetSpacing()) @ direction.T)
