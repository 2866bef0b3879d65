"""Shapes in millimetres: a field of points, signed depths (positive inside) and smooth random fields.

All arrays are float32 in z, y, x order. Coordinates are LPS: x to the left, y to the back, z to the top,
with the origin in the middle of the brain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.ndimage
import SimpleITK as sitk

Array = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Point = tuple[float, float, float]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class Mesh:
    """Point coordinates in mm that broadcast against each other, so that separable shapes stay cheap."""

    x: Array
    y: Array
    z: Array

    def is_grid(self) -> bool:
        """Whether the points are a regular grid along the axes."""
        axes = (self.x, self.y, self.z)
        if any(axis.size != max(axis.shape) for axis in axes):
            return False
        return all(np.allclose(np.diff(axis.ravel(), 2), 0, atol=1e-3) for axis in axes)

    def folded(self) -> Mesh:
        """Left and right laid on each other: paired organs are described once."""
        return Mesh(np.abs(self.x), self.y, self.z)

    def scaled(self, factors_xyz: Point) -> Mesh:
        """Patient millimetres to the millimetres of the template head."""
        return Mesh(self.x / factors_xyz[0], self.y / factors_xyz[1], self.z / factors_xyz[2])

    def pitched(self, degrees: float, about: Point) -> Mesh:
        """Axes turned in the sagittal plane about a point, for shapes that lie oblique in the head."""
        angle = np.float32(np.deg2rad(degrees))
        y, z = self.y - about[1], self.z - about[2]
        return Mesh(
            self.x,
            about[1] + y * np.cos(angle) - z * np.sin(angle),
            about[2] + y * np.sin(angle) + z * np.cos(angle),
        )

    def yawed(self, degrees: float, about: Point) -> Mesh:
        """Axes turned in the axial plane about a point."""
        angle = np.float32(np.deg2rad(degrees))
        x, y = self.x - about[0], self.y - about[1]
        return Mesh(
            about[0] + x * np.cos(angle) - y * np.sin(angle),
            about[1] + x * np.sin(angle) + y * np.cos(angle),
            self.z,
        )


@dataclass(frozen=True, slots=True)
class Field:
    """A regular grid of points along the axes of the head."""

    low_xyz_mm: Point
    shape_zyx: tuple[int, int, int]
    spacing_mm: float

    @classmethod
    def between(cls, low_xyz_mm: Point, high_xyz_mm: Point, spacing_mm: float) -> Field:
        """Cover the two corners with points `spacing_mm` apart."""
        counts = [
            int(np.floor((high - low) / spacing_mm)) + 1
            for low, high in zip(low_xyz_mm, high_xyz_mm, strict=True)
        ]
        return cls(low_xyz_mm, (counts[2], counts[1], counts[0]), spacing_mm)

    def box(self, low_xyz_mm: Point, high_xyz_mm: Point) -> Box:
        """Index ranges (z, y, x) of the points between two corners; may be empty."""
        ranges = []
        for low, high, start, count in zip(
            low_xyz_mm, high_xyz_mm, self.low_xyz_mm, self.shape_zyx[::-1], strict=True
        ):
            first = int(np.clip(np.ceil((low - start) / self.spacing_mm), 0, count))
            last = int(np.clip(np.floor((high - start) / self.spacing_mm) + 1, first, count))
            ranges.append(slice(first, last))
        return ranges[2], ranges[1], ranges[0]

    def whole(self) -> Box:
        """The box of every point."""
        nz, ny, nx = self.shape_zyx
        return slice(0, nz), slice(0, ny), slice(0, nx)

    def mesh(self, box: Box) -> Mesh:
        """Coordinates of the points in a box."""
        z, y, x = (
            (start + self.spacing_mm * np.arange(part.start, part.stop)).astype(np.float32)
            for start, part in zip(self.low_xyz_mm[::-1], box, strict=True)
        )
        return Mesh(x[None, None, :], y[None, :, None], z[:, None, None])

    def image(self, array_zyx: npt.NDArray[np.generic]) -> sitk.Image:
        """Array on this field as an image in head coordinates."""
        image = sitk.GetImageFromArray(array_zyx)
        image.SetOrigin([float(value) for value in self.low_xyz_mm])
        image.SetSpacing([self.spacing_mm] * 3)
        return image


def ellipsoid(mesh: Mesh, centre: Point, semi_axes: Point) -> Array:
    """Depth below the surface of an ellipsoid in mm (first-order distance, exact at the surface)."""
    a, b, c = semi_axes
    x, y, z = (mesh.x - centre[0]) / a, (mesh.y - centre[1]) / b, (mesh.z - centre[2]) / c
    radius = np.sqrt(x * x + y * y + z * z, dtype=np.float32)
    slope = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2, dtype=np.float32)
    depth: Array = radius * (1 - radius) / np.maximum(slope, 1e-4)
    return depth


def tube(mesh: Mesh, points: tuple[Point, ...], radii_mm: tuple[float, ...], squeeze_x: float = 1.0) -> Array:
    """Depth below the surface of a bent tube with a radius that changes from point to point.

    `squeeze_x` below 1 makes the cross-section wider from left to right.
    """
    deepest: Array | None = None
    for start, end, r0, r1 in zip(points[:-1], points[1:], radii_mm[:-1], radii_mm[1:], strict=True):
        step = np.array([(end[0] - start[0]) * squeeze_x, end[1] - start[1], end[2] - start[2]], np.float32)
        x, y, z = (mesh.x - start[0]) * squeeze_x, mesh.y - start[1], mesh.z - start[2]
        along = np.clip((x * step[0] + y * step[1] + z * step[2]) / np.float32(step @ step), 0, 1)
        away = (x - along * step[0]) ** 2 + (y - along * step[1]) ** 2 + (z - along * step[2]) ** 2
        depth = (r0 + (r1 - r0) * along - np.sqrt(away)).astype(np.float32)
        deepest = depth if deepest is None else np.maximum(deepest, depth)
    if deepest is None:
        raise ValueError("A tube needs two points.")
    return deepest


def both(a: Array, b: Array, blend_mm: float = 0.0) -> Array:
    """Depth inside a and b; a blend rounds the edge."""
    lower: Array = np.minimum(a, b)
    if blend_mm:
        lower -= np.maximum(blend_mm - np.abs(a - b), 0) ** 2 / (4 * blend_mm)
    return lower


def either(a: Array, b: Array, blend_mm: float = 0.0) -> Array:
    """Depth inside a or b; a blend fills the crease."""
    return -both(-a, -b, blend_mm)


def rise(value: Array, at: float, over: float) -> Array:
    """A smooth step from 0 to 1 around `at`, `over` wide."""
    t = np.clip((value - at) / over + 0.5, 0, 1)
    step: Array = t * t * (3 - 2 * t)
    return step


@dataclass(frozen=True, slots=True)
class RandomField:
    """A smooth periodic Gaussian field of unit variance with one dominant wavelength."""

    values_zyx: Array
    pitch_mm: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, wavelength_mm: float, *, bandwidth: float = 0.25, samples: int = 64
    ) -> RandomField:
        """White noise through a ring filter: `bandwidth` is the ring's relative width (small = labyrinth)."""
        pitch_mm = wavelength_mm * 8 / samples
        noise = rng.standard_normal((samples,) * 3, dtype=np.float32)
        full = np.fft.fftfreq(samples, pitch_mm).astype(np.float32)
        half = np.fft.rfftfreq(samples, pitch_mm).astype(np.float32)
        frequency = np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
        ring = np.exp(-0.5 * ((frequency * wavelength_mm - 1) / bandwidth) ** 2)
        ring[0, 0, 0] = 0
        values = scipy.fft.irfftn(scipy.fft.rfftn(noise) * ring, s=noise.shape).astype(np.float32)
        return cls(values / values.std(), pitch_mm)

    def at(self, mesh: Mesh) -> Array:
        """Values at the points of a mesh (linear interpolation)."""
        if mesh.is_grid():
            return self._on_grid(mesh)
        z, y, x = np.broadcast_arrays(mesh.z, mesh.y, mesh.x)
        points = np.stack([z, y, x]) / np.float32(self.pitch_mm)
        found: Array = scipy.ndimage.map_coordinates(self.values_zyx, points, order=1, mode="grid-wrap")
        return found

    def _on_grid(self, mesh: Mesh) -> Array:
        """The same for evenly spaced axes, which SimpleITK resamples much faster."""
        count, wrapped, starts, steps = self.values_zyx.shape[0], [], [], []
        axes = [axis.ravel() / self.pitch_mm for axis in (mesh.z, mesh.y, mesh.x)]
        for axis in axes:
            first, last = int(np.floor(axis.min())), int(np.ceil(axis.max())) + 1
            wrapped.append(np.arange(first, last + 1) % count)
            starts.append(float(axis[0]) - first)
            steps.append(float(axis[1] - axis[0]) if axis.size > 1 else 1.0)
        image = sitk.GetImageFromArray(self.values_zyx[np.ix_(*wrapped)])
        reference = sitk.Image([axis.size for axis in axes[::-1]], sitk.sitkFloat32)
        reference.SetOrigin(starts[::-1])
        reference.SetSpacing(steps[::-1])
        found: Array = sitk.GetArrayFromImage(sitk.Resample(image, reference))
        return found
