"""The slices of an MR series, and the grid that they make.

Classic MR keeps one slice per file, enhanced MR many frames per file with the same facts in functional
groups (PS3.3 C.7.6.16). Here both become `Slice`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from orthanc.errors import BadSeriesError, UnplacedImagesError

PLANES = ("sagittal", "coronal", "axial")


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice: the frame `frame` (from 0) of `dataset`, with the centre of its first pixel."""

    dataset: Dataset
    frame: int
    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    rescale: tuple[float, float]

    @property
    def name(self) -> str:
        """What a reader knows it by."""
        number = self.dataset.get("InstanceNumber")
        if self.is_frame:
            return f"frame {self.frame + 1}"
        return f"image {number}" if number is not None else f"image {self.dataset.SOPInstanceUID}"

    @property
    def is_frame(self) -> bool:
        """Whether it is one of several frames of one object."""
        return int(self.dataset.get("NumberOfFrames") or 1) > 1

    @property
    def own_group(self) -> Dataset:
        """What the header says of this frame alone; empty for a classic image."""
        groups = self.dataset.get("PerFrameFunctionalGroupsSequence")
        return groups[self.frame] if groups else Dataset()

    @property
    def frame_of_reference(self) -> str:
        """The space that its position is in; empty where the header does not tell."""
        return str(self.dataset.get("FrameOfReferenceUID") or "")

    @property
    def plane(self) -> str:
        """Axial, sagittal or coronal, whichever is nearest."""
        return PLANES[int(np.argmax(np.abs(normal_of(self.orientation))))]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.Rows), int(self.dataset.Columns)


def grid_of(slices: Sequence[Slice]) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Origin (mm), spacing (mm) and direction of the sitk grid, slices from first to last."""
    first, last = slices[0], slices[-1]
    row, column = _orthonormal(first.orientation)
    normal = np.cross(row, column)
    way_mm = np.array(last.position_mm) - np.array(first.position_mm)
    step_mm = float(normal @ way_mm) / (len(slices) - 1)
    direction = np.column_stack([row, column, normal])
    height_mm, width_mm = first.spacing_mm
    return first.position_mm, (width_mm, height_mm, step_mm), tuple(direction.ravel().tolist())


def has_grid(image: sitk.Image, slices: Sequence[Slice], tolerance_mm: float = 0.01) -> bool:
    """Whether the image's voxels are the pixels of the slices: every corner at the same place."""
    rows, columns = slices[0].size
    if image.GetSize() != (columns, rows, len(slices)):
        return False
    grid = sitk.Image([2, 2, 2], sitk.sitkUInt8)
    origin_mm, spacing_mm, direction = grid_of(slices)
    grid.SetOrigin(origin_mm)
    grid.SetSpacing(spacing_mm)
    grid.SetDirection(direction)
    corners = [(i, j, k) for i in (0, columns - 1) for j in (0, rows - 1) for k in (0, len(slices) - 1)]
    return all(
        np.allclose(
            image.TransformContinuousIndexToPhysicalPoint([float(x) for x in corner]),
            grid.TransformContinuousIndexToPhysicalPoint([float(x) for x in corner]),
            atol=tolerance_mm,
        )
        for corner in corners
    )


def normal_of(orientation: Sequence[float]) -> np.ndarray:
    """The normal of an image plane."""
    row, column = _orthonormal(orientation)
    return np.cross(row, column)


def _orthonormal(orientation: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Header cosines are rounded: row of unit length, column of unit length and at right angles to it."""
    row = np.array(orientation[:3]) / np.linalg.norm(orientation[:3])
    column = np.array(orientation[3:]) - row * float(row @ np.array(orientation[3:]))
    return row, column / np.linalg.norm(column)


def slices_of(dataset: Dataset) -> list[Slice]:
    """The slices of one object, as they are stored.

    Raises:
        UnplacedImagesError: a slice does not say where it lies.
        BadSeriesError: no image, a colour image, or functional groups that do not fit the frames.
    """
    if "Rows" not in dataset:
        raise BadSeriesError("The series holds an object without an image, such as a report.")
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise BadSeriesError("The series holds colour images, such as screen captures.")
    n_frames = int(dataset.get("NumberOfFrames") or 1)
    n_groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    if n_frames != max(n_groups, 1):
        raise UnplacedImagesError(
            f"An object of the series holds {n_frames} frames, but says of {n_groups} where they lie."
        )
    if not n_groups:
        return [_slice(dataset, 0, dataset, dataset, dataset, dataset)]
    shared = (
        dataset.SharedFunctionalGroupsSequence[0]
        if "SharedFunctionalGroupsSequence" in dataset
        else Dataset()
    )
    return [
        _slice(
            dataset,
            index,
            _group("PlanePositionSequence", own, shared),
            _group("PlaneOrientationSequence", own, shared),
            _group("PixelMeasuresSequence", own, shared),
            _group("PixelValueTransformationSequence", own, shared),
        )
        for index, own in enumerate(dataset.PerFrameFunctionalGroupsSequence)
    ]


def _group(name: str, own: Dataset, shared: Dataset) -> Dataset:
    items = own.get(name) or shared.get(name)
    return items[0] if items else Dataset()


def _slice(
    dataset: Dataset, frame: int, place: Dataset, plane: Dataset, measures: Dataset, values: Dataset
) -> Slice:
    position_mm = _floats(place, "ImagePositionPatient", 3)
    orientation = _floats(plane, "ImageOrientationPatient", 6)
    spacing_mm = _floats(measures, "PixelSpacing", 2)
    if not position_mm or not orientation or not spacing_mm or min(spacing_mm) <= 0:
        number = dataset.get("InstanceNumber", "?")
        raise UnplacedImagesError(
            f"Image {number} does not say where it lies (position, orientation or pixel size). "
            "Send the original images of the scanner, not copies of a screen or a film."
        )
    return Slice(
        dataset=dataset,
        frame=frame,
        position_mm=(position_mm[0], position_mm[1], position_mm[2]),
        orientation=orientation,
        spacing_mm=(spacing_mm[0], spacing_mm[1]),
        rescale=(float(values.get("RescaleSlope") or 1.0), float(values.get("RescaleIntercept") or 0.0)),
    )


def _floats(dataset: Dataset, name: str, count: int) -> tuple[float, ...]:
    value = dataset.get(name)
    if value is None or isinstance(value, str) or len(value) != count:
        return ()
    try:
        numbers = tuple(float(one) for one in value)
    except (TypeError, ValueError):
        return ()
    return numbers if np.isfinite(numbers).all() else ()
