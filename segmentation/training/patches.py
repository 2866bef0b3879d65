"""Cutting patches out of cases: where they lie, how they are resampled, and what lies outside the brain.

Shift, scale and flip are one step: each array axis gets the source coordinate of every output voxel, and the image
is read there, linearly along one axis after the other; labels take the nearest voxel of the same coordinates, so
that both stay aligned. No rotation, hence no full 3D sampling grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from segmentation.training.augment import Augmentation

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First voxel and one past the last, per array axis z, y, x."""

X_AXIS = 2  # left-right on an LPS grid, array order z, y, x


@dataclass(frozen=True, slots=True)
class Placement:
    """Source coordinate (voxels) of each output voxel, per array axis z, y, x."""

    coordinates_zyx: tuple[torch.Tensor, torch.Tensor, torch.Tensor]

    def moved(self, offset_zyx: np.ndarray) -> Placement:
        """The same patch read `offset_zyx` voxels elsewhere."""
        z, y, x = (axis + float(step) for axis, step in zip(self.coordinates_zyx, offset_zyx, strict=True))
        return Placement((z, y, x))


def place_patch(
    centre_zyx: tuple[float, float, float],
    patch_zyx: tuple[int, int, int],
    how: Augmentation,
    rng: np.random.Generator,
) -> Placement:
    """Put a patch around `centre_zyx`, scaled and flipped left-right by chance."""
    scale = float(rng.uniform(*how.scale))
    axes = []
    for axis, (centre, size) in enumerate(zip(centre_zyx, patch_zyx, strict=True)):
        # An unscaled patch falls on whole voxels, so that nothing is blurred without need.
        steps = torch.arange(size, dtype=torch.float32) - size // 2
        if axis == X_AXIS and how.flip and rng.random() < 0.5:
            steps = -steps
        axes.append(round(centre) + steps * scale)
    return Placement((axes[0], axes[1], axes[2]))


def read_image(image: torch.Tensor, where: Placement) -> torch.Tensor:
    """Linear values of `image` (C, Z, Y, X) at `where`; beyond the edge the edge's value."""
    result = image
    for axis, coordinates in enumerate(where.coordinates_zyx):
        dimension, last = axis + 1, image.shape[axis + 1] - 1
        inside = coordinates.clamp(0, last)
        low = inside.floor().long()
        part = inside - low
        first = result.index_select(dimension, low).float()
        if not bool(part.any()):
            result = first
            continue
        second = result.index_select(dimension, (low + 1).clamp(max=last)).float()
        shape = [1, 1, 1, 1]
        shape[dimension] = -1
        result = torch.lerp(first, second, part.reshape(shape))
    return result.float()


def read_nearest(array_zyx: torch.Tensor, where: Placement) -> torch.Tensor:
    """Nearest values of labels or a mask (Z, Y, X) at `where`; beyond the edge 0."""
    result = array_zyx
    for axis, coordinates in enumerate(where.coordinates_zyx):
        last = array_zyx.shape[axis] - 1
        nearest = (coordinates + 0.5).floor().long()
        outside = (nearest < 0) | (nearest > last)
        result = result.index_select(axis, nearest.clamp(0, last))
        result = result.index_fill(axis, outside.nonzero().flatten(), 0)
    return result


def inside_box(where: Placement, box: Box) -> torch.Tensor:
    """Boolean (Z, Y, X): which output voxels have their source inside `box`."""
    z, y, x = (
        (coordinates > first - 0.5) & (coordinates < end - 0.5)
        for coordinates, (first, end) in zip(where.coordinates_zyx, box, strict=True)
    )
    return z[:, None, None] & y[None, :, None] & x[None, None, :]


def bounding_box(mask_zyx: torch.Tensor) -> Box | None:
    """Smallest box around the set voxels, or None where none is set."""
    found = mask_zyx.nonzero()
    if len(found) == 0:
        return None
    first, end = found.amin(0).tolist(), (found.amax(0) + 1).tolist()
    return (first[0], end[0]), (first[1], end[1]), (first[2], end[2])


def grow_box(box: Box, margins: np.ndarray, shape_zyx: tuple[int, int, int]) -> Box:
    """`box` grown by `margins` (3, 2) voxels before and after, kept inside `shape_zyx` and at least one voxel."""
    grown = []
    for (first, end), (before, after), size in zip(box, margins.tolist(), shape_zyx, strict=True):
        low = min(max(first - before, 0), size - 1)
        grown.append((low, max(min(end + after, size), low + 1)))
    return grown[0], grown[1], grown[2]
