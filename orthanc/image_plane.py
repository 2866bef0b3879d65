"""Where one slice lies: DICOM's image plane, from the grid of the volume that it belongs to (PS3.3 C.7.6.2)."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat


def put_plane(made: Dataset, grid: sitk.Image, index: int) -> None:
    """Position, orientation, spacing (mm) and thickness (mm) of a slice of the grid, counted along its third axis."""
    matrix = np.reshape(grid.GetDirection(), (3, 3))
    width_mm, height_mm, step_mm = grid.GetSpacing()
    made.ImagePositionPatient = [decimal(x) for x in grid.TransformIndexToPhysicalPoint((0, 0, index))]
    made.ImageOrientationPatient = [decimal(x) for x in (*matrix[:, 0], *matrix[:, 1])]
    made.PixelSpacing = [decimal(height_mm), decimal(width_mm)]
    made.SliceThickness = decimal(step_mm)


def decimal(value: float) -> DSfloat:
    """The number as a decimal string of at most 16 characters (PS3.5 6.2)."""
    return DSfloat(float(value), auto_format=True)
