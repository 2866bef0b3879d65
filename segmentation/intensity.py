"""From prepared images to what the networks expect: checked, cropped to the brain, z-scored, noise outside.

Reference: Wang et al., BrainLes 2017 (z-score over brain voxels, normal noise elsewhere). The noise is seeded here:
one input has one result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.errors import BadGeometryError, BadInputError
from segmentation.geometry import same_grid
from segmentation.types import SEQUENCES, PreparedScan

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[slice, slice, slice]

MARGIN_VOXELS = 5
LEAST_BRAIN_ML, MOST_BRAIN_ML = 20.0, 3000.0
"""Less is no brain; more has its skull on, or is no head (and would need memory without bound)."""
_SEED = 20171017


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """The four sequences around the brain, ready for the networks.

    `channels_czyx` is (4, z, y, x) in the order of SEQUENCES, mean 0 and deviation 1 over the brain; `brain_zyx`
    the voxels where a tumour can be; `box_zyx` the place of both in the prepared grid.
    """

    channels_czyx: FloatArray
    brain_zyx: Mask
    box_zyx: Box


def network_input(prepared: PreparedScan) -> NetworkInput:
    """Check the images and bring them to the networks' range.

    Raises:
        BadGeometryError: the grids differ, or are not 1 mm isotropic.
        BadInputError: a sequence is empty, constant, or holds NaN; the mask is no brain.
    """
    _check_grids(prepared)
    mask_zyx = sitk.GetArrayViewFromImage(prepared.brain_mask) != 0
    _check_brain(mask_zyx, prepared.brain_mask)
    box_zyx = bounding_box(mask_zyx, MARGIN_VOXELS)
    brain_zyx = mask_zyx[box_zyx]
    rng = np.random.default_rng(_SEED)
    channels_czyx = np.empty((len(SEQUENCES), *brain_zyx.shape), np.float32)
    for channel, name in enumerate(SEQUENCES):
        image_zyx = sitk.GetArrayViewFromImage(getattr(prepared, name))[box_zyx]
        channels_czyx[channel] = _z_score(image_zyx, brain_zyx, name, rng)
    flair_zyx = sitk.GetArrayViewFromImage(prepared.flair)[box_zyx]
    return NetworkInput(channels_czyx, brain_zyx & (flair_zyx != 0), box_zyx)


def bounding_box(mask_zyx: Mask, margin_voxels: int) -> Box:
    """The smallest box around a mask that is not empty, widened by a margin, within the array."""
    bounds = []
    for axis in range(3):
        inside = np.flatnonzero(mask_zyx.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = int(inside[0]) - margin_voxels, int(inside[-1]) + 1 + margin_voxels
        bounds.append(slice(max(0, first), min(mask_zyx.shape[axis], last)))
    return bounds[0], bounds[1], bounds[2]


def noise_frame(shape_czyx: tuple[int, ...], salt: int) -> FloatArray:
    """Normal noise to stand where there is no image; the same for the same shape and salt."""
    return np.random.default_rng((_SEED, salt)).standard_normal(shape_czyx, dtype=np.float32)


def _z_score(
    image_zyx: npt.NDArray[np.generic], brain_zyx: Mask, name: str, rng: np.random.Generator
) -> FloatArray:
    values_zyx = image_zyx.astype(np.float32)
    inside_zyx = brain_zyx & (values_zyx != 0)
    values = values_zyx[inside_zyx]
    if not np.isfinite(values).all():
        raise BadInputError(f"The {name} image holds values that are not numbers (NaN or infinite).")
    if values.size < brain_zyx.sum() / 4:
        raise BadInputError(f"The {name} image is empty (zero) in most of the brain.")
    mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    if deviation == 0:
        raise BadInputError(f"The {name} image has one single value in the whole brain.")
    noise_zyx = rng.standard_normal(values_zyx.shape, dtype=np.float32)
    return np.where(inside_zyx, (values_zyx - np.float32(mean)) / np.float32(deviation), noise_zyx)


def _check_grids(prepared: PreparedScan) -> None:
    reference = prepared.t1ce
    for name in ("flair", "t1", "t2", "brain_mask"):
        if not same_grid(getattr(prepared, name), reference):
            raise BadGeometryError(
                f"The {name} image is not on the grid of t1ce ({_grid(getattr(prepared, name))} instead of "
                f"{_grid(reference)}). Register the images first, or give the native ones with --input native."
            )
    if max(abs(spacing - 1.0) for spacing in reference.GetSpacing()) > 0.05:
        raise BadGeometryError(
            f"Prepared images need voxels of 1 mm; these have {_grid(reference)}. Use --input native for others."
        )


def _check_brain(mask_zyx: Mask, mask: sitk.Image) -> None:
    brain_ml = float(mask_zyx.sum()) * float(np.prod(mask.GetSpacing())) / 1000
    if brain_ml < LEAST_BRAIN_ML:
        raise BadInputError(f"The brain mask holds {brain_ml:.0f} mL: there is no brain in these images.")
    if brain_ml > MOST_BRAIN_ML:
        raise BadInputError(
            f"The brain mask holds {brain_ml:.0f} mL, more than a brain: prepared images must be skull-stripped "
            "with 0 outside the brain. Use --input native for images with skull."
        )


def _grid(image: sitk.Image) -> str:
    size = "x".join(str(n) for n in image.GetSize())
    spacing = "x".join(f"{s:.3g}" for s in image.GetSpacing())
    origin = ", ".join(f"{o:.4g}" for o in image.GetOrigin())
    return f"{size} voxels of {spacing} mm at ({origin})"
