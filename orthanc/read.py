"""DICOM files of one MR series to one image, or a clear reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from orthanc.errors import BadSeriesError, MissingSlicesError, NoContentError, RejectedFileError
from orthanc.intake import DAMAGED, check_dicom
from orthanc.slices import Slice, grid_of
from orthanc.stack import SEND_AGAIN, stack_of

UNDECODABLE = (*DAMAGED, RuntimeError)
"""What pydicom and its decoders raise on pixels that they cannot read."""


@dataclass(frozen=True, slots=True)
class SeriesReading:
    """A series as an image, and in words what a reader should know of how it was read."""

    image: sitk.Image
    warnings: tuple[str, ...]


def read_series(files: Sequence[Path]) -> sitk.Image:
    """The image of `read_with_warnings` alone."""
    return read_with_warnings(files).image


def read_with_warnings(files: Sequence[Path]) -> SeriesReading:
    """The series as one image in patient space (LPS, mm), slices along the normal of the plane.

    16-bit whole numbers where the header does not rescale, else 32-bit floats. Classic and enhanced
    MR, compressed or not.

    Raises:
        BadSeriesError: one of its kinds: files cut short or lost, several volumes, images that do not
            fit together or do not tell their place, nothing to see. The text names the series and the image.
    """
    datasets = read_datasets(files)
    with _naming(datasets[0]):
        stack = stack_of(datasets)
        array_zyx = _pixels(stack.slices)
        blank = _check_content(array_zyx, stack.slices)
    return SeriesReading(_placed(array_zyx, stack.slices), (*stack.warnings, *blank))


def image_of(slices: tuple[Slice, ...]) -> sitk.Image:
    """The image of slices that were read and put in order before.

    Raises:
        BadSeriesError: the pixels cannot be decoded.
    """
    return _placed(_pixels(slices), slices)


def _placed(array_zyx: np.ndarray, slices: tuple[Slice, ...]) -> sitk.Image:
    image = sitk.GetImageFromArray(array_zyx)
    origin_mm, spacing_mm, direction = grid_of(slices)
    image.SetOrigin(origin_mm)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction)
    return image


@contextmanager
def _naming(dataset: Dataset) -> Iterator[None]:
    """Puts the number and description of the series before what is wrong with it."""
    try:
        yield
    except BadSeriesError as error:
        number, description = dataset.get("SeriesNumber"), str(dataset.get("SeriesDescription") or "")
        name = " ".join(["Series", *([str(number)] if number not in (None, "") else [])])
        told = f' "{description[:64]}"' if description else ""
        raise type(error)(f"{name}{told}: {error}") from error


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
            raise MissingSlicesError(f"{_name(path)}: {error}") from error
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
    if array_zyx.dtype.kind == "f":
        array_zyx = array_zyx.astype(np.float32)
    rescales = np.array([one.rescale for one in slices])
    if np.array_equal(rescales, np.broadcast_to([1.0, 0.0], rescales.shape)):
        return array_zyx if array_zyx.dtype.kind == "f" else array_zyx.astype(_whole_type(array_zyx))
    slope, intercept = (rescales[:, n, None, None] for n in (0, 1))
    return (array_zyx * slope + intercept).astype(np.float32)


def _whole_type(array_zyx: np.ndarray) -> type[np.signedinteger]:
    fits = array_zyx.min() >= np.iinfo(np.int16).min and array_zyx.max() <= np.iinfo(np.int16).max
    return np.int16 if fits else np.int32


def _decode(one: Slice) -> np.ndarray:
    """All frames of a file (frames, rows, columns)."""
    syntax = one.dataset.file_meta.TransferSyntaxUID.name
    try:
        pixels = one.dataset.pixel_array
    except UNDECODABLE as error:
        raise BadSeriesError(
            f"The pixels of {one.name} cannot be decoded: they are damaged, or not the {syntax} that the "
            f"header announces. {SEND_AGAIN}"
        ) from error
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.shape[1:] != one.size:
        raise BadSeriesError(f"The pixels of {one.name} are not of the size that its header says.")
    return pixels


def _check_content(array_zyx: np.ndarray, slices: Sequence[Slice]) -> tuple[str, ...]:
    """Warnings of blank images between others."""
    if array_zyx.dtype.kind == "f" and not np.isfinite(array_zyx).all():
        raise NoContentError("The images hold values that are not numbers. Send the original images.")
    lowest, highest = array_zyx.min(axis=(1, 2)), array_zyx.max(axis=(1, 2))
    if lowest.min() == highest.max():
        raise NoContentError(f"The images are blank: every pixel is {lowest.min():g}. {SEND_AGAIN}")
    seen = np.flatnonzero(lowest != highest)
    blank = [slices[k].name for k in range(seen[0], seen[-1]) if lowest[k] == highest[k]]
    if not blank:
        return ()
    shown = ", ".join(blank[:3]) + (" and others" if len(blank) > 3 else "")
    return (f"{len(blank)} images between others are blank ({shown}).",)
