"""One head cut at the same levels at every visit: where those slices lie, and what a visit shows there.

Levels are axial slices of one visit's head, 3 mm apart, in a box around the middle of its brain that holds every
brain; the other visits are cut where their heads are laid onto it. Lengths in mm, LPS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.errors import BadGeometryError
from segmentation.geometry import centre_mm, foreground_box, onto_grid, to_closest_lps

STEP_MM = 3.0
SIZE_XYZ = (192, 224, 54)
"""Columns and rows of 1 mm, and levels."""
SPACING_MM = (1.0, 1.0, STEP_MM)

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadPlace:
    """The middle of a head, and its axes to the left, back and top as the columns of a matrix (row by row)."""

    middle_mm: tuple[float, float, float]
    axes: tuple[float, ...]

    def level_of(self, point_mm: Sequence[float]) -> int:
        """The level nearest to a point of this visit; the lowest is 0."""
        up = np.reshape(self.axes, (3, 3))[:, 2]
        above_mm = float(np.subtract(point_mm, self.middle_mm) @ up)
        return int(np.clip(round(above_mm / STEP_MM + (SIZE_XYZ[2] - 1) / 2), 0, SIZE_XYZ[2] - 1))

    @property
    def grid(self) -> sitk.Image:
        """All levels as one empty image, the lowest first."""
        grid = sitk.Image(SIZE_XYZ, sitk.sitkUInt8)
        grid.SetSpacing(SPACING_MM)
        grid.SetDirection(self.axes)
        half_mm = [(n - 1) / 2 * s for n, s in zip(SIZE_XYZ, SPACING_MM, strict=True)]
        grid.SetOrigin(np.subtract(self.middle_mm, np.reshape(self.axes, (3, 3)) @ half_mm).tolist())
        return grid


def place_of_head(image: sitk.Image, brain_mask: sitk.Image | None = None) -> HeadPlace:
    """How a head lies: around the middle of its brain, or of the whole image where no brain is known.

    Raises:
        BadGeometryError: the mask is empty.
    """
    axes = to_closest_lps(image).GetDirection()
    if brain_mask is None:
        return HeadPlace(centre_mm(image), axes)
    if not sitk.GetArrayViewFromImage(brain_mask).any():
        raise BadGeometryError("The outline of the brain is empty.")
    first, size = foreground_box(sitk.Cast(brain_mask > 0, sitk.sitkUInt8))
    middle = [start + (n - 1) / 2 for start, n in zip(first, size, strict=True)]
    x, y, z = brain_mask.TransformContinuousIndexToPhysicalPoint(middle)
    return HeadPlace((x, y, z), axes)


@dataclass(frozen=True, slots=True)
class RigidMotion:
    """Takes points of one visit to those of another: turned, then shifted; mm."""

    turn: Matrix
    shift_mm: Matrix

    @classmethod
    def of(cls, transform: sitk.Euler3DTransform) -> RigidMotion:
        """The same motion, whatever centre it is written around."""
        turn = np.reshape(transform.GetMatrix(), (3, 3))
        centre = np.array(transform.GetCenter())
        return cls(turn, centre - turn @ centre + np.array(transform.GetTranslation()))

    @classmethod
    def shifted(cls, start_mm: Sequence[float], end_mm: Sequence[float]) -> RigidMotion:
        """Takes one point to another without turning."""
        return cls(np.eye(3), np.subtract(end_mm, start_mm))

    @property
    def back(self) -> RigidMotion:
        """The way back."""
        return RigidMotion(self.turn.T, -self.turn.T @ self.shift_mm)

    def then(self, other: RigidMotion) -> RigidMotion:
        """This one, then the other."""
        return RigidMotion(other.turn @ self.turn, other.turn @ self.shift_mm + other.shift_mm)

    def moved(self, point_mm: Sequence[float]) -> tuple[float, float, float]:
        """Where a point goes."""
        x, y, z = (self.turn @ np.asarray(point_mm) + self.shift_mm).tolist()
        return x, y, z

    @property
    def as_transform(self) -> sitk.AffineTransform:
        """For resampling."""
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(self.turn.ravel().tolist())
        transform.SetTranslation(self.shift_mm.tolist())
        return transform


STILL = RigidMotion(np.eye(3), np.zeros(3))


def motions_from(frame: str, known: Sequence[tuple[str, str, RigidMotion]]) -> dict[str, RigidMotion]:
    """The motion from one visit to every other that a chain of known ones leads to.

    Args:
        frame: the visit that all are counted from; visits go by any name.
        known: (one, other, motion from the first to the second), in any order.
    """
    found = {frame: STILL}
    while True:
        further = {
            **{b: found[a].then(motion) for a, b, motion in known if a in found and b not in found},
            **{a: found[b].then(motion.back) for a, b, motion in known if b in found and a not in found},
        }
        if not further:
            return found
        found |= further


def slices_at_levels(
    image: sitk.Image, place: HeadPlace, motion: RigidMotion, *, is_mask: bool = False
) -> npt.NDArray[np.float32]:
    """What a visit shows at every level, (levels, rows, columns); `motion` takes points of `place` to the image's."""
    interpolator = sitk.sitkNearestNeighbor if is_mask else sitk.sitkLinear
    cut = onto_grid(sitk.Cast(image, sitk.sitkFloat32), place.grid, motion.as_transform, interpolator)
    return sitk.GetArrayFromImage(cut)
