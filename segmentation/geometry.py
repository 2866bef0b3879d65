"""Grids and points in space, shared by the preparation stages. All lengths in mm, in the LPS frame of ITK."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

GRID_TOLERANCE_MM = 1e-2
DIRECTION_TOLERANCE = 1e-4

Box = tuple[tuple[int, int, int], tuple[int, int, int]]
"""First voxel (x, y, z) and size (x, y, z)."""


def to_closest_lps(image: sitk.Image) -> sitk.Image:
    """The same voxels with axes swapped and flipped so that they run closest to left, posterior, superior.

    An oblique acquisition stays oblique: no value is interpolated.
    """
    return sitk.DICOMOrient(image, "LPS")


def isotropic_grid(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """An empty uint8 grid of cubes that covers the image to its outer edges, centred on it, parallel to it."""
    extent_mm = [n * s for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    size = [max(1, math.ceil(length / spacing_mm - 1e-6)) for length in extent_mm]
    first = [
        ((length - n * spacing_mm + spacing_mm) / 2) / s - 0.5
        for length, n, s in zip(extent_mm, size, image.GetSpacing(), strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([spacing_mm] * 3)
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first))
    return grid


def onto_grid(
    image: sitk.Image, grid: sitk.Image, transform: sitk.Transform, interpolator: int = sitk.sitkLinear
) -> sitk.Image:
    """The image on the grid; `transform` takes points of the grid's frame to the image's. 0 outside the image."""
    return sitk.Resample(image, grid, transform, interpolator, 0.0, image.GetPixelID())


def everywhere(image: sitk.Image) -> sitk.Image:
    """A mask (uint8) of 1 on the whole grid of the image: brought to another grid it shows what was covered."""
    ones = sitk.Image(image.GetSize(), sitk.sitkUInt8) + 1
    ones.CopyInformation(image)
    return ones


def foreground_box(mask: sitk.Image, margin_mm: float = 0.0) -> Box:
    """The box of the voxels of value 1, grown by a margin but kept inside the image."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    box = shape.GetBoundingBox(1)
    margins = [round(margin_mm / s) for s in mask.GetSpacing()]
    first = [max(0, start - m) for start, m in zip(box[:3], margins, strict=True)]
    last = [
        min(n, start + length + m)
        for start, length, m, n in zip(box[:3], box[3:], margins, mask.GetSize(), strict=True)
    ]
    size = [end - start for start, end in zip(first, last, strict=True)]
    return (first[0], first[1], first[2]), (size[0], size[1], size[2])


def crop(image: sitk.Image, box: Box) -> sitk.Image:
    """The part of the image inside the box, in its place in space."""
    return sitk.RegionOfInterest(image, box[1], box[0])


def centre_mm(image: sitk.Image) -> tuple[float, float, float]:
    """The middle of the image in space."""
    x, y, z = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    return x, y, z


def corners_mm(image: sitk.Image) -> list[tuple[float, float, float]]:
    """The eight outermost voxel centres."""
    return [
        image.TransformIndexToPhysicalPoint(
            [int(at * (n - 1)) for at, n in zip(corner, image.GetSize(), strict=True)]
        )
        for corner in np.ndindex(2, 2, 2)
    ]


def largest_distance_mm(
    one: sitk.Transform, other: sitk.Transform, points_mm: Sequence[tuple[float, float, float]]
) -> float:
    """How far apart two transforms put the worst of the points."""
    return max(math.dist(one.TransformPoint(p), other.TransformPoint(p)) for p in points_mm)


def same_grid(one: sitk.Image, other: sitk.Image) -> bool:
    """Whether both images have the same voxels at the same places, to a hundredth of a millimetre."""
    if one.GetSize() != other.GetSize():
        return False
    directions = np.abs(np.subtract(one.GetDirection(), other.GetDirection())).max()
    corner_pairs = zip(corners_mm(one), corners_mm(other), strict=True)
    return bool(directions < DIRECTION_TOLERANCE) and all(
        math.dist(a, b) < GRID_TOLERANCE_MM for a, b in corner_pairs
    )
