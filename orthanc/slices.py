"""Where the slices of an MR series lie, and whether they make one regular grid.

Classic MR keeps one slice per file, enhanced MR many frames per file with the same facts in functional
groups (PS3.3 C.7.6.16). Here both become `Slice`s in one order: along the normal of the image plane.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from orthanc.errors import BadSeriesError

SAME_PLACE_MM = 1e-3
SAME_DIRECTION = 1e-3
UNEVEN_PART = 0.05
"""Steps between slices may differ by this part: rounding in headers does, a missing slice does not."""

SHIFT_MM = 0.5


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
        if int(self.dataset.get("NumberOfFrames") or 1) > 1:
            return f"frame {self.frame + 1}"
        return f"image {number}" if number is not None else f"image {self.dataset.SOPInstanceUID}"

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.dataset.Rows), int(self.dataset.Columns)


def slices_in_order(datasets: Iterable[Dataset]) -> tuple[Slice, ...]:
    """All slices of a series along the normal of its plane.

    Raises:
        BadSeriesError: fewer than two slices, or slices that do not make one regular grid; the text
            names the images.
    """
    by_uid = {str(dataset.SOPInstanceUID): dataset for dataset in datasets}
    found = [one for dataset in by_uid.values() for one in _slices_of(dataset)]
    if len(found) < 2:
        raise BadSeriesError(f"The series holds {len(found)} slices; an image of the head needs more.")
    _check_alike(found)
    normal = normal_of(found[0].orientation)
    found.sort(key=lambda one: float(normal @ np.array(one.position_mm)))
    _check_steps(found, normal)
    return tuple(found)


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


def _slices_of(dataset: Dataset) -> list[Slice]:
    if "Rows" not in dataset:
        raise BadSeriesError("The series holds an object without an image.")
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise BadSeriesError("The series holds colour images.")
    if "PerFrameFunctionalGroupsSequence" not in dataset:
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
        raise BadSeriesError(
            f"Image {number} does not say where it lies (position, orientation or pixel size)."
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
    return tuple(float(one) for one in value)


def _check_alike(slices: list[Slice]) -> None:
    first = slices[0]
    for one in slices[1:]:
        if one.size != first.size:
            raise BadSeriesError(
                f"The images differ in size: {first.name} has {first.size[0]} x {first.size[1]} pixels, "
                f"{one.name} has {one.size[0]} x {one.size[1]}."
            )
        if not np.allclose(one.orientation, first.orientation, atol=SAME_DIRECTION):
            raise BadSeriesError(f"The images differ in orientation: {first.name} and {one.name}.")
        if not np.allclose(one.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise BadSeriesError(f"The images differ in pixel size: {first.name} and {one.name}.")
    lengths = np.linalg.norm(np.reshape(first.orientation, (2, 3)), axis=1)
    if not np.allclose(lengths, 1.0, atol=0.01):
        raise BadSeriesError(f"The orientation of {first.name} is not a direction in space.")


def _check_steps(slices: list[Slice], normal: np.ndarray) -> None:
    positions_mm = np.array([one.position_mm for one in slices])
    steps_mm = np.diff(positions_mm @ normal)
    _check_doubles(slices, steps_mm)
    usual_mm = float(np.median(steps_mm))
    for index, step_mm in enumerate(steps_mm):
        times = step_mm / usual_mm
        if times > 1.5 and abs(times - round(times)) < 3 * UNEVEN_PART:
            count = round(times) - 1
            missing = "A slice is" if count == 1 else f"{count} slices are"
            raise BadSeriesError(
                f"{missing} missing between {slices[index].name} and {slices[index + 1].name}."
            )
        if abs(times - 1) > UNEVEN_PART:
            raise BadSeriesError(
                f"The slices are not evenly spaced: {step_mm:.2f} mm between {slices[index].name} and "
                f"{slices[index + 1].name}, elsewhere {usual_mm:.2f} mm."
            )
    shift_mm = positions_mm - positions_mm[0] - np.outer((positions_mm - positions_mm[0]) @ normal, normal)
    if float(np.abs(shift_mm).max()) > SHIFT_MM:
        raise BadSeriesError("The slices are shifted against each other; they do not make one block.")


def _check_doubles(slices: list[Slice], steps_mm: np.ndarray) -> None:
    doubles = np.flatnonzero(steps_mm < SAME_PLACE_MM)
    if doubles.size == 0:
        return
    places = len(slices) - doubles.size
    if len(slices) % places == 0:
        raise BadSeriesError(
            f"The series holds {len(slices) // places} images at each of {places} places "
            "(several echoes, phases or repeats in one series)."
        )
    first, second = slices[doubles[0]], slices[doubles[0] + 1]
    raise BadSeriesError(f"{first.name.capitalize()} and {second.name} lie at the same place.")
