"""Painting: an anatomy is a list of coverages that later layers lay over earlier ones.

Coverage is the share of a voxel that a shape fills, so painted signals mix linearly as they do in a scanner's voxel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.phantom.geometry import Array, Box, Field
from segmentation.phantom.signal import Material


@dataclass(frozen=True, slots=True)
class HeadShape:
    """What differs from one healthy head to the next."""

    scale_xyz: tuple[float, float, float]
    ventricle_scale: float
    sulcus_mm: float
    sulcus_depth_mm: float
    cortex_mm: float
    gyrus_wavelength_mm: float
    scalp_mm: float
    skull_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> HeadShape:
        """An adult head within the usual range."""
        size = rng.normal(1.0, 0.025)
        sx, sy, sz = np.clip(size * rng.normal(1.0, 0.018, 3), 0.92, 1.07)
        return cls(
            scale_xyz=(float(sx), float(sy), float(sz)),
            ventricle_scale=float(rng.uniform(0.8, 1.3)),
            sulcus_mm=float(rng.uniform(0.45, 1.0)),
            sulcus_depth_mm=float(rng.uniform(12.0, 16.0)),
            cortex_mm=float(rng.uniform(2.4, 2.9)),
            gyrus_wavelength_mm=float(rng.uniform(18.0, 22.0)),
            scalp_mm=float(rng.uniform(3.5, 6.0)),
            skull_mm=float(rng.uniform(5.5, 7.5)),
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """One painted shape: 0..255 is an empty to a full voxel."""

    material: Material
    box: Box
    coverage: npt.NDArray[np.uint8]


def layer(material: Material, box: Box, depth_mm: Array, field: Field, soft_mm: float = 0.0) -> Layer:
    """Turn a signed depth into a coverage; the edge is one voxel wide, or `soft_mm` if that is more."""
    width = max(field.spacing_mm, soft_mm)
    coverage = np.clip(depth_mm * np.float32(255 / width) + np.float32(127.5), 0, 255)
    shape = tuple(part.stop - part.start for part in box)
    return Layer(material, box, np.broadcast_to(coverage.astype(np.uint8), shape))


def paint(canvas: Array, layers: Iterable[Layer], table: Array) -> Array:
    """Lay the layers over the canvas (channel, z, y, x) in order.

    `table` holds one row per material and one column per channel: grey levels, or anything else that mixes linearly.
    """
    for one in layers:
        share = one.coverage.astype(np.float32) * np.float32(1 / 255)
        for channel, value in enumerate(table[one.material]):
            part = canvas[(channel, *one.box)]
            part += share * (value - part)
    return canvas
