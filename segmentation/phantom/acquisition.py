"""The scanner: each sequence on its own grid, with its own small motion, coil shading and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import SimpleITK as sitk

from segmentation.phantom.geometry import Array


@dataclass(frozen=True, slots=True)
class SeriesGrid:
    """Field of view of one series in head coordinates. `slices_along` is "x" (sagittal) or "z" (axial)."""

    size_ijk: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    slices_along: str
    centre_xyz_mm: tuple[float, float, float]
    obliquity_deg: float

    def reference(self) -> sitk.Image:
        """An empty image with this geometry."""
        # Columns of the direction matrix: where i, j and k run in LPS.
        axial = np.eye(3)
        sagittal = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)
        tilt = np.deg2rad(self.obliquity_deg)
        turned = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        if self.slices_along == "x":
            turned = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
        direction = turned @ (sagittal if self.slices_along == "x" else axial)
        image = sitk.Image(self.size_ijk, sitk.sitkFloat32)
        image.SetSpacing(self.spacing_mm)
        image.SetDirection(direction.ravel().tolist())
        half = np.array([(n - 1) * s / 2 for n, s in zip(self.size_ijk, self.spacing_mm, strict=True)])
        image.SetOrigin((np.array(self.centre_xyz_mm) - direction @ half).tolist())
        return image


@dataclass(frozen=True, slots=True)
class Conditions:
    """What differs between acquisitions of the same head."""

    rotation_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]
    shading: float
    noise: float
    gain: float

    @classmethod
    def draw(cls, rng: np.random.Generator, *, rotation_deg: float, shift_mm: float) -> Conditions:
        """Motion up to the given angle and distance; SNR of white matter about 25 to 60."""
        turn, move = rng.uniform(-1, 1, 3) * rotation_deg, rng.uniform(-1, 1, 3) * shift_mm
        return cls(
            rotation_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
            shift_mm=(float(move[0]), float(move[1]), float(move[2])),
            shading=float(rng.uniform(0.05, 0.18)),
            noise=float(rng.uniform(0.016, 0.034)),
            gain=float(rng.uniform(260, 420)),
        )

    def motion(self) -> sitk.Euler3DTransform:
        """From scanner coordinates to the coordinates of the head."""
        angles = [float(np.deg2rad(angle)) for angle in self.rotation_deg]
        return sitk.Euler3DTransform((0.0, 0.0, 0.0), *angles, self.shift_mm)


def sample(image: sitk.Image, reference: sitk.Image, motion: sitk.Transform) -> Array:
    """Values of a head image at the voxels of a series; thick slices are averaged over their thickness."""
    spacing, size = reference.GetSpacing(), reference.GetSize()
    parts = max(1, round(spacing[2] / max(spacing[0], 1.0)))
    if parts == 1:
        return np.asarray(
            sitk.GetArrayFromImage(sitk.Resample(image, reference, motion, sitk.sitkLinear, 0.0))
        )
    fine = sitk.Image([size[0], size[1], size[2] * parts], sitk.sitkFloat32)
    fine.SetSpacing([spacing[0], spacing[1], spacing[2] / parts])
    fine.SetDirection(reference.GetDirection())
    first = (1 / parts - 1) / 2
    fine.SetOrigin(reference.TransformContinuousIndexToPhysicalPoint([0.0, 0.0, first]))
    values = sitk.GetArrayFromImage(sitk.Resample(image, fine, motion, sitk.sitkLinear, 0.0))
    thick: Array = values.reshape(size[2], parts, size[1], size[0]).mean(axis=1, dtype=np.float32)
    return thick


def shading(shape_zyx: tuple[int, ...], strength: float, rng: np.random.Generator) -> Array:
    """Smooth receive-coil shading around 1, as a low-order random field."""
    knots = rng.normal(0, strength, (4, 4, 4)).astype(np.float32)
    coarse = scipy.ndimage.zoom(knots, [6, 6, 6], order=3, mode="nearest", grid_mode=True)
    image = sitk.GetImageFromArray(coarse)
    reference = sitk.Image(shape_zyx[::-1], sitk.sitkFloat32)
    reference.SetSpacing([23 / max(n - 1, 1) for n in shape_zyx[::-1]])
    field: Array = np.exp(sitk.GetArrayFromImage(sitk.Resample(image, reference)))
    return field


def rician(values: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Magnitude of the complex signal with equal noise in both channels."""
    real = rng.standard_normal(values.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += values
    imaginary = rng.standard_normal(values.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    noisy: Array = np.hypot(real, imaginary)
    return noisy


def acquire(
    image: sitk.Image,
    reference: sitk.Image,
    conditions: Conditions,
    to_head: sitk.Transform,
    rng: np.random.Generator,
) -> sitk.Image:
    """One series: int16 grey levels on the grid of `reference`; `to_head` leads from scanner to head points."""
    values = sample(image, reference, to_head)
    values *= shading(values.shape, conditions.shading, rng)
    noisy = rician(values, conditions.noise, rng)
    scanned = sitk.GetImageFromArray(np.clip(noisy * conditions.gain, 0, 32000).round().astype(np.int16))
    scanned.CopyInformation(reference)
    return scanned
