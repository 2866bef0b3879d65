"""Two visits beside each other: the earlier one laid onto the later, what grew, and what took up contrast."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.errors import BadGeometryError
from segmentation.geometry import onto_grid
from segmentation.types import Tissue

MIDDLE_HALF = (25.0, 75.0)


class Difference(IntEnum):
    """Labels of the map of differences: enhancing tumour first, then the rest of the whole tumour."""

    ENHANCING_GROWN = 1
    ENHANCING_SHRUNK = 2
    ENHANCING_STABLE = 3
    OTHER_GROWN = 4
    OTHER_SHRUNK = 5
    OTHER_STABLE = 6


def brought_to_later(
    later_labels: sitk.Image, earlier_t1ce: sitk.Image, earlier_labels: sitk.Image, alignment: sitk.Transform
) -> tuple[sitk.Image, sitk.Image]:
    """T1CE and labels of the earlier visit on the later one's grid; `alignment` takes later points to earlier ones."""
    image = onto_grid(sitk.Cast(earlier_t1ce, sitk.sitkFloat32), later_labels, alignment)
    labels = onto_grid(earlier_labels, later_labels, alignment, sitk.sitkNearestNeighbor)
    return image, labels


def difference_of(later_labels: sitk.Image, earlier_labels: sitk.Image) -> sitk.Image:
    """What grew, shrank and stayed, voxel by voxel, on the one grid of both.

    Enhancement comes first: a voxel that enhanced and is oedema now has shrunk. Rims as thin as the registration's
    error (a voxel or less) mean nothing.

    Raises:
        BadGeometryError: the label maps are on different grids.
    """
    if later_labels.GetSize() != earlier_labels.GetSize():
        raise BadGeometryError("Two label maps can only be compared on one grid.")
    now_zyx, then_zyx = (sitk.GetArrayViewFromImage(one) for one in (later_labels, earlier_labels))
    made_zyx = _kinds(now_zyx > 0, then_zyx > 0, Difference.OTHER_GROWN)
    enhancing_zyx = _kinds(
        now_zyx == Tissue.ENHANCING, then_zyx == Tissue.ENHANCING, Difference.ENHANCING_GROWN
    )
    made_zyx[enhancing_zyx > 0] = enhancing_zyx[enhancing_zyx > 0]
    difference = sitk.GetImageFromArray(made_zyx)
    difference.CopyInformation(later_labels)
    return difference


def _kinds(
    now_zyx: npt.NDArray[np.bool_], then_zyx: npt.NDArray[np.bool_], grown: Difference
) -> npt.NDArray[np.uint8]:
    """`grown`, and the two labels after it for shrunk and stable."""
    made_zyx = np.zeros(now_zyx.shape, np.uint8)
    made_zyx[now_zyx & ~then_zyx] = grown
    made_zyx[~now_zyx & then_zyx] = grown + 1
    made_zyx[now_zyx & then_zyx] = grown + 2
    return made_zyx


def subtracted(
    t1ce: sitk.Image, t1: sitk.Image, brain_mask: sitk.Image, labels: sitk.Image, t1_lies: sitk.Transform
) -> sitk.Image:
    """T1CE minus T1 on T1CE's grid, both equally bright in healthy brain; 0 outside the brain.

    Args:
        t1_lies: takes points of T1CE to those of T1.

    Raises:
        BadGeometryError: no healthy brain is seen by both.
    """
    bright = sitk.Cast(t1ce, sitk.sitkFloat32)
    plain_zyx = sitk.GetArrayFromImage(onto_grid(sitk.Cast(t1, sitk.sitkFloat32), bright, t1_lies))
    bright_zyx = sitk.GetArrayViewFromImage(bright)
    brain = onto_grid(brain_mask, bright, sitk.Transform(), sitk.sitkNearestNeighbor)
    inside_zyx = sitk.GetArrayViewFromImage(brain) > 0
    healthy_zyx = inside_zyx & (sitk.GetArrayViewFromImage(labels) == 0) & (plain_zyx > 0)
    if not healthy_zyx.any():
        raise BadGeometryError("T1 and T1CE show no healthy brain in common.")
    middle, spread = _brightness(bright_zyx[healthy_zyx])
    own_middle, own_spread = _brightness(plain_zyx[healthy_zyx])
    alike_zyx = (plain_zyx - own_middle) * (spread / max(own_spread, 1e-6)) + middle
    made = sitk.GetImageFromArray(np.where(inside_zyx, bright_zyx - alike_zyx, 0).astype(np.float32))
    made.CopyInformation(bright)
    return made


def _brightness(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Median, and how far the middle half spreads."""
    low, high = np.percentile(values, MIDDLE_HALF)
    return float(np.median(values)), float(high - low)
