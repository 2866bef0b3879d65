"""Worse images of a labelled case, whose truth stays known: for calibration, and told apart from real ones everywhere.

All of it is simulated on prepared images: Rician noise, thick slices, sequences that lie beside each other.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.types import SEQUENCES, PreparedScan

NOISE_PART = (0.10, 0.20)
"""Of the brain's median grey value."""
SLICE_VOXELS = 5
MOST_TURN_DEG = 2.0
SHIFT_MM = (1.5, 3.5)
_FLOOR = 1e-3
"""0 is kept for what is not brain."""

Values = npt.NDArray[np.float32]


class Degradation(StrEnum):
    """What was done to the images."""

    NONE = "as acquired"
    NOISE = "noise"
    THICK = "5 mm slices"
    MISALIGNED = "misaligned"


def degraded(prepared: PreparedScan, kind: Degradation, name: str) -> PreparedScan:
    """The case with worse images; the same case name and kind give the same voxels. T1CE keeps its place."""
    if kind is Degradation.NONE:
        return prepared
    rng = np.random.default_rng(zlib.crc32(f"{name}/{kind}".encode()))
    images = {sequence: _degraded_image(prepared, sequence, kind, rng) for sequence in SEQUENCES}
    return replace(prepared, **images)


def _degraded_image(
    prepared: PreparedScan, sequence: str, kind: Degradation, rng: np.random.Generator
) -> sitk.Image:
    image = getattr(prepared, sequence)
    values_zyx = sitk.GetArrayFromImage(image).astype(np.float32)
    inside_zyx = values_zyx != 0
    if kind is Degradation.NOISE:
        changed_zyx = _with_noise(values_zyx, float(np.median(values_zyx[inside_zyx])), rng)
    elif kind is Degradation.THICK:
        changed_zyx = _in_thick_slices(values_zyx, int(rng.integers(SLICE_VOXELS)))
    elif sequence == "t1ce":
        return image
    else:
        changed_zyx = sitk.GetArrayFromImage(_moved(image, rng))
    worse = sitk.GetImageFromArray(
        np.where(inside_zyx, np.maximum(changed_zyx, _FLOOR), 0).astype(np.float32)
    )
    worse.CopyInformation(image)
    return worse


def _with_noise(values_zyx: Values, median: float, rng: np.random.Generator) -> Values:
    deviation = rng.uniform(*NOISE_PART) * median
    real, imaginary = deviation * rng.standard_normal((2, *values_zyx.shape), dtype=np.float32)
    return np.asarray(np.hypot(values_zyx + real, imaginary), np.float32)


def _in_thick_slices(values_zyx: Values, offset: int) -> Values:
    """Means over five slices, and straight lines from one slice's middle to the next."""
    slice_of = (np.arange(values_zyx.shape[0]) + offset) // SLICE_VOXELS
    numbers = np.unique(slice_of)
    slabs = np.stack([values_zyx[slice_of == number].mean(axis=0) for number in numbers])
    middles = np.array([np.flatnonzero(slice_of == number).mean() for number in numbers])
    place = np.interp(np.arange(values_zyx.shape[0]), middles, np.arange(numbers.size))
    lower = np.minimum(place.astype(int), numbers.size - 2)
    share = (place - lower)[:, None, None].astype(np.float32)
    return np.asarray(slabs[lower] * (1 - share) + slabs[lower + 1] * share, np.float32)


def _moved(image: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    motion = sitk.Euler3DTransform()
    motion.SetCenter(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))
    motion.SetRotation(*np.deg2rad(rng.uniform(-MOST_TURN_DEG, MOST_TURN_DEG, 3)).tolist())
    way = rng.standard_normal(3)
    motion.SetTranslation((way * rng.uniform(*SHIFT_MM) / np.linalg.norm(way)).tolist())
    return sitk.Resample(image, image, motion, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
