"""A small head with a tumour of known place, as four images and a label map: enough for a viewer to show."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from segmentation.geometry import isotropic_grid, onto_grid

SIZE_XYZ = (96, 96, 40)
SPACING_MM = (2.0, 2.0, 3.5)
ORIGIN_MM = (-96.0, -96.0, -70.0)
TUMOUR_CENTRE_MM = (32.0, -18.0, 24.0)
"""Left, anterior and above the middle, so that the middle slices do not show the largest part of it."""

BRIGHTNESS = {
    #         brain ventricle core oedema enhancing
    "t1": (300, 120, 220, 240, 280),
    "t1ce": (300, 120, 200, 240, 620),
    "t2": (260, 600, 500, 450, 330),
    "flair": (280, 90, 330, 540, 420),
}


def _distance(centre_mm: tuple[float, float, float], radii_mm: tuple[float, float, float]) -> np.ndarray:
    """Distance from a centre in units of the radii, on the grid; 1 on the surface of the ellipsoid."""
    axes = [
        ORIGIN_MM[axis] + SPACING_MM[axis] * np.arange(SIZE_XYZ[axis]) - centre_mm[axis] for axis in range(3)
    ]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return np.sqrt((x / radii_mm[0]) ** 2 + (y / radii_mm[1]) ** 2 + (z / radii_mm[2]) ** 2)


def labels_on(grid: sitk.Image) -> sitk.Image:
    """Necrotic core (1) inside an enhancing rim (4) inside oedema (2), on the grid of another image."""
    return sitk.Resample(_axial_labels(), grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


def _axial_labels() -> sitk.Image:
    labels_zyx = np.zeros(SIZE_XYZ[::-1], np.uint8)
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (30, 28, 24)) < 1] = 2
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (17, 16, 15)) < 1] = 4
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (10, 9, 9)) < 1] = 1
    return _on_grid(labels_zyx)


def brain_on_cubes() -> sitk.Image:
    """The brain of the head on cubes of 1 mm, as preparation keeps it."""
    brain = _on_grid((_distance((0, 3, 0), (70, 76, 58)) < 1).astype(np.uint8))
    return onto_grid(brain, isotropic_grid(brain, 1.0), sitk.Transform(), sitk.sitkNearestNeighbor)


def make_images() -> dict[str, sitk.Image]:
    """T1, T1CE, T2 and FLAIR of the head, each tissue with the brightness that it has there.

    T1CE is sagittal and oblique, the others are axial: a viewer must bring them together by their headers.
    """
    labels_zyx = sitk.GetArrayFromImage(_axial_labels())
    skull = _distance((0, 3, 0), (76, 82, 64))
    noise = np.random.default_rng(7).normal(0, 6, labels_zyx.shape)
    images = {}
    for name, (brain, ventricle, core, oedema, enhancing) in BRIGHTNESS.items():
        picture = np.zeros(labels_zyx.shape)
        picture[skull < 1.06] = 420
        picture[skull < 1] = 60
        picture[_distance((0, 3, 0), (70, 76, 58)) < 1] = brain
        for side in (-1, 1):
            picture[_distance((side * 13, 5, 5), (8, 26, 12)) < 1] = ventricle
        for label, brightness in ((2, oedema), (4, enhancing), (1, core)):
            picture[labels_zyx == label] = brightness
        images[name] = _on_grid(np.clip(picture + noise, 0, None).astype(np.int16))
    images["t1ce"] = _as_sagittal(images["t1ce"])
    return images


def _as_sagittal(image: sitk.Image) -> sitk.Image:
    tilt = sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.deg2rad((3.0, -4.0, 5.0)).tolist())
    # Columns: rows run to P, columns to I, slices to L.
    sagittal = np.reshape(tilt.GetMatrix(), (3, 3)) @ np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]])
    size, spacing_mm = (96, 80, 80), (2.0, 2.0, 2.2)
    grid = sitk.Image(size, image.GetPixelID())
    grid.SetSpacing(spacing_mm)
    grid.SetDirection(sagittal.ravel().tolist())
    grid.SetOrigin((-sagittal @ (np.array(spacing_mm) * (np.array(size) - 1) / 2)).tolist())
    return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0)


def _on_grid(array_zyx: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array_zyx)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_MM)
    return image
