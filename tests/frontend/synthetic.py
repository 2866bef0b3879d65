"""A small head with a tumour of known place, as four images and a label map: enough for a viewer to show."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

SIZE_XYZ = (96, 96, 40)
SPACING_MM = (2.0, 2.0, 3.5)
ORIGIN_MM = (-96.0, -96.0, -70.0)
TUMOUR_CENTRE_MM = (35.0, -20.0, 28.0)
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


def make_labels() -> sitk.Image:
    """Necrotic core (1) inside an enhancing rim (4) inside oedema (2)."""
    labels_zyx = np.zeros(SIZE_XYZ[::-1], np.uint8)
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (30, 28, 24)) < 1] = 2
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (17, 16, 15)) < 1] = 4
    labels_zyx[_distance(TUMOUR_CENTRE_MM, (10, 9, 9)) < 1] = 1
    return _on_grid(labels_zyx)


def make_images() -> dict[str, sitk.Image]:
    """T1, T1CE, T2 and FLAIR of the head, each tissue with the brightness that it has there."""
    labels_zyx = sitk.GetArrayFromImage(make_labels())
    skull = _distance((0, 5, 0), (80, 88, 66))
    noise = np.random.default_rng(7).normal(0, 6, labels_zyx.shape)
    images = {}
    for name, (brain, ventricle, core, oedema, enhancing) in BRIGHTNESS.items():
        picture = np.zeros(labels_zyx.shape)
        picture[skull < 1.06] = 420
        picture[skull < 1] = 60
        picture[_distance((0, 5, 0), (73, 81, 60)) < 1] = brain
        for side in (-1, 1):
            picture[_distance((side * 13, 5, 5), (8, 26, 12)) < 1] = ventricle
        for label, brightness in ((2, oedema), (4, enhancing), (1, core)):
            picture[labels_zyx == label] = brightness
        images[name] = _on_grid(np.clip(picture + noise, 0, None).astype(np.int16))
    return images


def _on_grid(array_zyx: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array_zyx)
    image.SetSpacing(SPACING_MM)
    image.SetOrigin(ORIGIN_MM)
    return image
