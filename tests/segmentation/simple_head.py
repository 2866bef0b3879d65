"""A head of ellipsoids, known at every point in space: sampled on any grid, in any contrast, in any pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

BRAIN_CENTRE_MM = (5.0, -10.0, 20.0)
BRAIN_RADII_MM = (62.0, 76.0, 58.0)
SCALP, SKULL, BRAIN, FLUID, LESION = 1, 2, 3, 4, 5
CONTRAST = {
    "t1": {SCALP: 900.0, SKULL: 60.0, BRAIN: 420.0, FLUID: 120.0, LESION: 300.0},
    "t1ce": {SCALP: 950.0, SKULL: 70.0, BRAIN: 430.0, FLUID: 130.0, LESION: 640.0},
    "t2": {SCALP: 300.0, SKULL: 40.0, BRAIN: 250.0, FLUID: 900.0, LESION: 520.0},
    "flair": {SCALP: 350.0, SKULL: 50.0, BRAIN: 300.0, FLUID: 60.0, LESION: 600.0},
}


def grid(
    spacing_mm: tuple[float, float, float], *, size: tuple[int, int, int] | None = None, tilt_rad: float = 0.0
) -> sitk.Image:
    """An empty grid around the head; `tilt_rad` makes it oblique (about x)."""
    wanted = size or tuple(round(length / s) for length, s in zip((190, 220, 180), spacing_mm, strict=True))
    empty = sitk.Image(list(wanted), sitk.sitkFloat32)
    empty.SetSpacing(spacing_mm)
    tilt = sitk.Euler3DTransform()
    tilt.SetRotation(tilt_rad, 0.0, 0.0)
    empty.SetDirection(tilt.GetMatrix())
    middle = empty.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in wanted])
    empty.SetOrigin(np.subtract(BRAIN_CENTRE_MM, middle).tolist())
    return empty


def pose(
    rotation_rad: tuple[float, float, float], shift_mm: tuple[float, float, float]
) -> sitk.Euler3DTransform:
    """A rigid motion about the middle of the brain."""
    moved = sitk.Euler3DTransform()
    moved.SetCenter(BRAIN_CENTRE_MM)
    moved.SetRotation(*rotation_rad)
    moved.SetTranslation(shift_mm)
    return moved


def sample(contrast: str, on: sitk.Image, motion: sitk.Transform | None = None, seed: int = 0) -> sitk.Image:
    """The head in one contrast, with Gaussian noise; `motion` takes head points to where they now are."""
    tissue_zyx = tissues(on, motion)
    values = np.zeros(6, np.float32)
    for tissue, brightness in CONTRAST[contrast].items():
        values[tissue] = brightness
    noise_zyx = np.random.default_rng(seed).normal(0, 12, tissue_zyx.shape)
    image = sitk.GetImageFromArray(np.abs(values[tissue_zyx] + noise_zyx).astype(np.float32))
    image.CopyInformation(on)
    return image


def brain_mask(on: sitk.Image) -> sitk.Image:
    """Where the brain, with its fluid and lesion, is (uint8)."""
    mask = sitk.GetImageFromArray((tissues(on, None) >= BRAIN).astype(np.uint8))
    mask.CopyInformation(on)
    return mask


def tissues(on: sitk.Image, motion: sitk.Transform | None) -> npt.NDArray[np.uint8]:
    """Which tissue is at each voxel centre, (z, y, x)."""
    points_mm = head_points_mm(on, motion)
    tissue = np.zeros(points_mm.shape[:-1], np.uint8)
    tissue[_inside(points_mm, (0, 0, 0), np.add(BRAIN_RADII_MM, 12))] = SCALP
    tissue[_inside(points_mm, (0, 0, 0), np.add(BRAIN_RADII_MM, 7))] = SKULL
    tissue[_inside(points_mm, (0, 0, 0), BRAIN_RADII_MM)] = BRAIN
    # Folds and cisterns, of no symmetry: structure in every direction.
    waves = np.sin(points_mm * (0.21, 0.17, 0.24) + (0.3, 1.1, 2.0)).sum(axis=-1)
    tissue[(waves > 1.5) & (tissue == BRAIN)] = FLUID
    tissue[_inside(points_mm, (12, -5, 8), (8, 28, 9)) & (tissue == BRAIN)] = FLUID
    tissue[_inside(points_mm, (-14, -3, 8), (6, 24, 8)) & (tissue == BRAIN)] = FLUID
    tissue[_inside(points_mm, (-32, -25, 22), (15, 17, 13)) & (tissue >= BRAIN)] = LESION
    return tissue


def head_points_mm(on: sitk.Image, motion: sitk.Transform | None) -> npt.NDArray[np.float32]:
    """Voxel centres in the frame of the unmoved head, relative to the middle of the brain: (z, y, x, 3)."""
    width, height, depth = on.GetSize()
    k, j, i = np.meshgrid(np.arange(depth), np.arange(height), np.arange(width), indexing="ij")
    steps = np.stack([i, j, k], axis=-1) * np.asarray(on.GetSpacing())
    points_mm = steps @ np.reshape(on.GetDirection(), (3, 3)).T + on.GetOrigin() - np.asarray(BRAIN_CENTRE_MM)
    if motion is None:
        return points_mm.astype(np.float32)
    matrix = np.reshape(sitk.Euler3DTransform(motion).GetMatrix(), (3, 3))
    moved_back = (points_mm - sitk.Euler3DTransform(motion).GetTranslation()) @ matrix
    return moved_back.astype(np.float32)


def _inside(
    points_mm: npt.NDArray[np.float32], centre_mm: npt.ArrayLike, radii_mm: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    return (((points_mm - np.asarray(centre_mm)) / np.asarray(radii_mm)) ** 2).sum(axis=-1) <= 1
