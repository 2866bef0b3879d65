"""Is a sequence the mirror image of T1CE's head? Heads are nearly symmetric: a wrong side looks plausible.

After registration the sequence is laid on T1CE's mirror image too, starting from where T1CE's mirror image lies on
T1CE itself, which is a reflection about the mid-sagittal plane. The mutual information of both says which fits.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from segmentation.geometry import centre_mm, crop, foreground_box
from segmentation.rigid_levels import COARSE, MIDDLE, FixedSide, MovingSide, turned_left_right

LEAST_INFORMATION = 0.05


class MirrorTest:
    """T1CE turned left to right, prepared once for all sequences."""

    def __init__(self, fixed: sitk.Image, brain_mask: sitk.Image) -> None:
        turned, turned_mask = turned_left_right(fixed), turned_left_right(brain_mask)
        self._turned = {level: FixedSide(turned, turned_mask, level) for level in (COARSE, MIDDLE)}
        self._as_is = FixedSide(fixed, brain_mask, MIDDLE)
        self._onto_itself = self._reflection(MovingSide(fixed), brain_mask, turned_mask)

    def likeness(self, moving: MovingSide, found: sitk.Euler3DTransform) -> float:
        """How well the sequence fits T1CE's mirror image, as a multiple of how well it fits T1CE where it was found.

        Under 1 for a sequence of the right side. 0 where neither has anything in common with it.
        """
        as_is = self._as_is.information(moving.at(MIDDLE), found)
        start = after(found, self._onto_itself)
        for level, side in self._turned.items():
            start, mirrored = side.climb(moving.at(level), start)
        return mirrored / as_is if max(as_is, mirrored) > LEAST_INFORMATION and as_is > 0 else 0.0

    def as_it_lies(self, moving: MovingSide) -> float:
        """The likeness of a sequence that already lies on T1CE."""
        still = sitk.Euler3DTransform()
        still.SetCenter(self._onto_itself.GetCenter())
        return self.likeness(moving, still)

    def _reflection(
        self, fixed: MovingSide, brain_mask: sitk.Image, turned_mask: sitk.Image
    ) -> sitk.Euler3DTransform:
        """From points of the mirror image to those of T1CE that look alike."""
        here, there = (centre_mm(crop(mask, foreground_box(mask))) for mask in (turned_mask, brain_mask))
        start = sitk.Euler3DTransform()
        start.SetCenter(here)
        start.SetTranslation(np.subtract(there, here).tolist())
        return self._turned[COARSE].climb(fixed.at(COARSE), start)[0]


def after(second: sitk.Euler3DTransform, first: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    """The one rigid transform that does what both do in turn, about the centre of the first."""
    both = sitk.Euler3DTransform()
    both.SetCenter(first.GetCenter())
    matrix = np.reshape(second.GetMatrix(), (3, 3)) @ np.reshape(first.GetMatrix(), (3, 3))
    both.SetMatrix(matrix.ravel().tolist(), 1e-6)
    moved_to = second.TransformPoint(first.TransformPoint(first.GetCenter()))
    both.SetTranslation(np.subtract(moved_to, first.GetCenter()).tolist())
    return both
