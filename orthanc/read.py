"""DICOM files of one MR series to one image, or a clear reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from orthanc.errors import BadSeriesError, RejectedFileError
from orthanc.intake import check_dicom
from orthanc.slices import Slice, grid_of, slices_in_order

UNDECODABLE = (ValueError, RuntimeError, AttributeError, NotImplementedError, KeyError, IndexError, OSError)
"""What pydicom and its decoders raise on pixels that they cannot read."""


def read_series(files: Sequence[Path]) -> sitk.Image:
    """The series as one image in patient space (LPS, mm), slices along the normal of the plane.

    16-bit whole numbers where the header does not rescale, else 32-bit floats. Classic and enhanced
    MR, compressed or not.

    Raises:
        BadSeriesError: a file is cut short or damaged, or the slices do not make one regular grid;
            the text names the image.
    """
    slices = slices_in_order(read_datasets(files))
    array_zyx = _pixels(slices)
    image = sitk.GetImageFromArray(array_zyx)
    origin_mm, spacing_mm, direction = grid_of(slices)
    image.SetOrigin(origin_mm)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction)
    return image


def read_datasets(files: Sequence[Path]) -> list[Dataset]:
    """Every file of one series, checked to be whole.

    Raises:
        BadSeriesError: a file is not whole, there is none, or they belong to several series.
    """
    if not files:
        raise BadSeriesError("The series has no files.")
    datasets: list[Dataset] = []
    for path in files:
        try:
            datasets.append(check_dicom(path.read_bytes()))
        except RejectedFileError as error:
            raise BadSeriesError(f"{_name(path)}: {error}") from error
    if len({dataset.SeriesInstanceUID for dataset in datasets}) > 1:
        raise BadSeriesError("The files belong to several series.")
    return datasets


def _name(path: Path) -> str:
    """The image number if that much of the file can be read, else the file's name."""
    try:
        with config.disable_value_validation():
            number = dcmread(path, stop_before_pixels=True).get("InstanceNumber")
    except (InvalidDicomError, *UNDECODABLE):
        number = None
    return f"Image {number}" if number is not None else f"File {path.name}"


def _pixels(slices: tuple[Slice, ...]) -> np.ndarray:
    """Rescaled pixels (slices, rows, columns)."""
    decoded: dict[int, np.ndarray] = {}
    stack = []
    for one in slices:
        key = id(one.dataset)
        if key not in decoded:
            decoded[key] = _decode(one)
        stack.append(decoded[key][one.frame])
    array_zyx = np.stack(stack)
    rescales = np.array([one.rescale for one in slices])
    if np.array_equal(rescales, np.broadcast_to([1.0, 0.0], rescales.shape)):
        return array_zyx.astype(_whole_type(array_zyx))
    slope, intercept = (rescales[:, n, None, None] for n in (0, 1))
    return (array_zyx * slope + intercept).astype(np.float32)


def _whole_type(array_zyx: np.ndarray) -> type[np.signedinteger]:
    fits = array_zyx.min() >= np.iinfo(np.int16).min and array_zyx.max() <= np.iinfo(np.int16).max
    return np.int16 if fits else np.int32


def _decode(one: Slice) -> np.ndarray:
    """All frames of a file (frames, rows, columns)."""
    try:
        pixels = one.dataset.pixel_array
    except UNDECODABLE as error:
        raise BadSeriesError(f"The pixels of {one.name} cannot be decoded ({error}).") from error
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels
