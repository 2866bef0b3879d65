"""What the images themselves say about how well they can be read: noise, thick slices, gates that failed.

Told from the images on 1 mm cubes, whoever laid them there. Second differences take away whatever is smooth. Between
two thick slices interpolation leaves straight lines, so that half or more of the differences across the slices are
nothing, while those within a slice hold noise and tissue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from segmentation.gates import Gate
from segmentation.intensity import FloatArray, Mask, NetworkInput
from segmentation.types import SEQUENCES

LEAST_ROUGHNESS = 0.2
"""Of the smoothest direction against the next. 22 real cases of 1 mm reach at least 0.33, in slices of 5 mm 0.00."""
DOUBTING_GATES = frozenset({"similarity", "alignment", "coverage_full", "mask_overlap", "snr", "ghosting"})
"""Gates that let a study through with a warning about its images."""
_AWAY_VOXELS = 3
_MEDIAN_TO_DEVIATION = 1 / (0.6745 * math.sqrt(6))
"""The second difference of white noise has six times its variance."""


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Figures of one case that widen its intervals."""

    noise: float
    """Deviation of the noise over that of the brain's grey values, mean of the four sequences."""
    is_coarse: bool
    """Whether T1CE was acquired in thick slices."""
    failed_gates: tuple[str, ...] = ()
    """Kinds of gates that failed and still let the study through, each once."""


def image_quality(images: NetworkInput, gates: Sequence[Gate] = ()) -> ImageQuality:
    """Judge the four sequences as the networks see them."""
    inside_zyx = np.asarray(ndimage.binary_erosion(images.brain_zyx, iterations=_AWAY_VOXELS), bool)
    roughness = {
        name: sorted(_roughness(image_zyx, inside_zyx, axis) for axis in range(3))
        for name, image_zyx in zip(SEQUENCES, images.channels_czyx, strict=True)
    }
    smoothest, next_one, _ = roughness["t1ce"]
    failed = {gate.kind for gate in gates if not gate.passed and gate.kind in DOUBTING_GATES}
    return ImageQuality(
        noise=float(np.mean([middle for _, middle, _ in roughness.values()])) * _MEDIAN_TO_DEVIATION,
        is_coarse=smoothest < LEAST_ROUGHNESS * next_one,
        failed_gates=tuple(sorted(failed)),
    )


def _roughness(image_zyx: FloatArray, inside_zyx: Mask, axis: int) -> float:
    """Median of the second differences along an axis, in the brain."""
    bends = np.abs(np.diff(image_zyx, 2, axis=axis))
    inner = tuple(slice(1, -1) if other == axis else slice(None) for other in range(3))
    chosen = bends[inside_zyx[inner]]
    return float(np.median(chosen)) if chosen.size else 0.0
