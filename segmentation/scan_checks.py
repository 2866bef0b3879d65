"""Can these four images be prepared at all? Every refusal names the sequence and the reason."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from segmentation.errors import BadGeometryError, BadInputError
from segmentation.geometry import same_grid
from segmentation.types import SEQUENCES, BrainScan

LEAST_SLICES = 8
LEAST_EXTENT_MM = 60.0
MOST_EXTENT_MM = 600.0
LEAST_PLANE_VOXELS = 64


def check_scan(scan: BrainScan) -> None:
    """Refuse what no later stage could make sense of.

    Raises:
        BadInputError: a sequence holds NaN, is constant, or is too small to show a brain.
        BadGeometryError: a sequence is not one 3D image.
    """
    for name in SEQUENCES:
        image = getattr(scan, name)
        _check_shape(image, name)
        _check_values(image, name)


def _check_shape(image: sitk.Image, name: str) -> None:
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise BadGeometryError(f"The {name} series is not one 3D grey-value image.")
    size = image.GetSize()
    extent_mm = [n * s for n, s in zip(size, image.GetSpacing(), strict=True)]
    if min(size) < LEAST_SLICES:
        raise BadInputError(
            f"The {name} series has only {min(size)} slices; at least {LEAST_SLICES} are needed."
        )
    if sorted(size)[1] < LEAST_PLANE_VOXELS:
        raise BadInputError(f"The {name} images are only {size[0]} x {size[1]} x {size[2]} voxels.")
    if min(extent_mm) < LEAST_EXTENT_MM:
        raise BadInputError(
            f"The {name} series covers only {min(extent_mm):.0f} mm of the head in one direction."
        )
    if max(extent_mm) > MOST_EXTENT_MM:
        raise BadGeometryError(
            f"The {name} series would cover {max(extent_mm):.0f} mm: its voxel size is wrong."
        )


def _check_values(image: sitk.Image, name: str) -> None:
    values = sitk.GetArrayViewFromImage(image)
    if not np.isfinite(values).all():
        raise BadInputError(f"The {name} images hold values that are not numbers (NaN or infinite).")
    if values.min() == values.max():
        raise BadInputError(f"The {name} images are empty: every voxel has the value {values.min()}.")


def check_one_grid(scan: BrainScan) -> None:
    """Refuse prepared images that do not share T1CE's grid.

    Raises:
        BadGeometryError: names the sequence, and says what to do.
    """
    for name in SEQUENCES:
        image = getattr(scan, name)
        if not same_grid(image, scan.t1ce):
            raise BadGeometryError(
                f"The {name} image is not on the grid of t1ce ({_in_words(image)} against {_in_words(scan.t1ce)}). "
                "Bring all four to one grid first, or give the images as acquired with --input native."
            )


def _in_words(image: sitk.Image) -> str:
    size = " x ".join(str(n) for n in image.GetSize())
    spacing = " x ".join(f"{s:.3g}" for s in image.GetSpacing())
    origin = ", ".join(f"{v:.1f}" for v in image.GetOrigin())
    axes = ", ".join(f"{v:.2g}" for v in image.GetDirection())
    return f"{size} voxels of {spacing} mm from ({origin}) along ({axes})"
