"""How undecided each voxel is: the entropy of the networks' mean probability, laid on the grid of T1CE.

Entropy in bits of a region's mean probability over the views holds both a network's own doubt and the views' quarrel;
the most undecided of the three regions counts. It says where an outline might run otherwise, not where a tumour was
missed that no network saw.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from segmentation.geometry import onto_grid, same_grid
from segmentation.intensity import Box, FloatArray
from segmentation.measure import RegionProbabilities
from segmentation.native import IDENTITY

_LEAST = 1e-6


def voxel_uncertainty(probabilities: RegionProbabilities) -> FloatArray:
    """0 (sure) to 1 (one half) for each voxel of the crop, (z, y, x)."""
    regions = (probabilities.whole_zyx, probabilities.core_zyx, probabilities.enhancing_zyx)
    return np.maximum.reduce([_entropy_bits(region_zyx) for region_zyx in regions])


def uncertainty_on_grid(
    uncertainty_zyx: FloatArray, box_zyx: Box, prepared: sitk.Image, t1ce_grid: sitk.Image
) -> sitk.Image:
    """The crop's uncertainty as a float32 image on T1CE's grid; 0 outside the crop."""
    full_zyx = np.zeros(prepared.GetSize()[::-1], np.float32)
    full_zyx[box_zyx] = uncertainty_zyx
    image = sitk.GetImageFromArray(full_zyx)
    image.CopyInformation(prepared)
    if same_grid(image, t1ce_grid):
        image.CopyInformation(t1ce_grid)
        return image
    return onto_grid(image, t1ce_grid, IDENTITY)


def _entropy_bits(probability_zyx: FloatArray) -> FloatArray:
    p = np.clip(probability_zyx, _LEAST, 1 - _LEAST)
    bits = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return np.where(probability_zyx > _LEAST, bits, 0).astype(np.float32)
