"""Rewrites the slices of one series into what else scanners and archives send: other grids, encodings, faults.

Every function takes the classic slices of one series in order, changes them and gives the objects to send.
The voxels keep their place in the patient unless the docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
from pydicom import DataElement, dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGLosslessSV1, RLELossless

from orthanc.image_plane import decimal
from orthanc.uids import derive_uid

COMPRESSED_BY_PYDICOM = frozenset({RLELossless, UID("1.2.840.10008.1.2.4.80"), UID("1.2.840.10008.1.2.4.90")})
"""RLE, JPEG-LS lossless, JPEG 2000 lossless; JPEG lossless is written by GDCM instead."""

Slices = list[Dataset]


def without(slices: Slices, numbers: Collection[int]) -> Slices:
    """The series without the images of these numbers (from 1), as when a transfer broke."""
    return [one for one in slices if int(one.InstanceNumber) not in numbers]


def with_doubles(slices: Slices, numbers: Collection[int], *, brighter: int = 0) -> Slices:
    """Some images a second time under another UID; not the same pixels where `brighter` is added."""
    doubles = []
    for one in slices:
        if int(one.InstanceNumber) in numbers:
            double = deepcopy(one)
            double.SOPInstanceUID = derive_uid(one.SOPInstanceUID, "double")
            double.file_meta.MediaStorageSOPInstanceUID = double.SOPInstanceUID
            double.InstanceNumber = int(one.InstanceNumber) + 1000
            if brighter:
                put_pixels(double, stored_pixels(one) + brighter)
            doubles.append(double)
    return [*slices, *doubles]


def with_second_volume(slices: Slices, *, scale: float = 0.7, **differing: object) -> Slices:
    """Every place a second time, darker, with other values in the given elements (such as EchoTime)."""
    numbers = {int(one.InstanceNumber) for one in slices}
    both = with_doubles(slices, numbers)
    for one in both[len(slices) :]:
        put_pixels(one, np.rint(stored_pixels(one) * scale))
        for name, value in differing.items():
            setattr(one, name, value)
    return both


def tilted(slices: Slices, degrees: float) -> Slices:
    """Slices shifted against each other along their columns, as by a tilted gantry.

    The pixels are moved the other way, so that the head stays where it was.
    """
    height_mm = float(slices[0].PixelSpacing[0])
    column = np.array(slices[0].ImageOrientationPatient[3:], float)
    steps_mm = [float(np.linalg.norm(_place(one) - _place(slices[0]))) for one in slices]
    for one, way_mm in zip(slices, steps_mm, strict=True):
        shift_mm = float(np.tan(np.deg2rad(degrees))) * (way_mm - steps_mm[-1] / 2)
        _put_place(one, _place(one) + shift_mm * column)
        put_pixels(one, _moved_rows(stored_pixels(one), shift_mm / height_mm))
    return slices


def _moved_rows(pixels_yx: np.ndarray, rows: float) -> np.ndarray:
    """What lies `rows` further down, between two rows as their mix."""
    places = np.arange(pixels_yx.shape[0]) + rows
    lower = np.floor(places).astype(int)
    part = (places - lower)[:, None]

    def at(index: np.ndarray) -> np.ndarray:
        inside = (index >= 0) & (index < pixels_yx.shape[0])
        return np.where(inside[:, None], pixels_yx[np.clip(index, 0, pixels_yx.shape[0] - 1)], 0)

    return np.rint(at(lower) * (1 - part) + at(lower + 1) * part)


def turned(slices: Slices, degrees: Sequence[float]) -> Slices:
    """The patient turned about x, then y, then z, through the origin: positions and orientation change."""
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.deg2rad(degrees))
    matrix = np.reshape(transform.GetMatrix(), (3, 3))
    for one in slices:
        row, column = np.reshape(np.array(one.ImageOrientationPatient, float), (2, 3))
        one.ImageOrientationPatient = [decimal(x) for x in (*(matrix @ row), *(matrix @ column))]
        _put_place(one, matrix @ _place(one))
    return slices


def feet_first(slices: Slices) -> Slices:
    """Acquired feet first: images numbered from the other end."""
    for number, one in enumerate(slices[::-1], start=1):
        one.PatientPosition = "FFS"
        one.InstanceNumber = number
    return slices


def anisotropic(slices: Slices) -> Slices:
    """Every other row only: pixels twice as high as wide."""
    for one in slices:
        pixels = stored_pixels(one)[::2]
        one.Rows = pixels.shape[0]
        height_mm, width_mm = map(float, one.PixelSpacing)
        one.PixelSpacing = [decimal(2 * height_mm), decimal(width_mm)]
        put_pixels(one, pixels)
    return slices


def signed(slices: Slices) -> Slices:
    """Stored values around zero, put right by the rescale intercept."""
    for one in slices:
        put_pixels(one, stored_pixels(one) - 1024)
        one.RescaleIntercept = decimal(float(one.RescaleIntercept) + 1024 * float(one.RescaleSlope))
    return slices


def unsigned(slices: Slices) -> Slices:
    """12 of 16 bits and no sign, as most scanners store; values are scaled to fit."""
    top = max(float(stored_pixels(one).max()) for one in slices) or 1.0
    for one in slices:
        pixels = np.clip(np.rint(stored_pixels(one) * (4095 / top)), 0, 4095)
        one.PixelRepresentation, one.BitsStored, one.HighBit = 0, 12, 11
        one.RescaleSlope = decimal(float(one.RescaleSlope) * top / 4095)
        put_pixels(one, pixels)
    return slices


def rescaled_each(slices: Slices) -> Slices:
    """Another slope and intercept on every slice, as Philips and PET/MR do; real values stay."""
    for number, one in enumerate(slices):
        slope = 1 + number % 5 / 4
        put_pixels(one, np.rint((stored_pixels(one) - number) / slope))
        one.RescaleIntercept = decimal(float(one.RescaleIntercept) + number * float(one.RescaleSlope))
        one.RescaleSlope = decimal(float(one.RescaleSlope) * slope)
    return slices


def named_in(slices: Slices, charset: str | Sequence[str], name: str, description: str = "") -> Slices:
    """Patient name (and series description) in another character set."""
    for one in slices:
        one.SpecificCharacterSet = charset if isinstance(charset, str) else list(charset)
        one.PatientName = name
        if description:
            one.SeriesDescription = description
    return slices


def with_private_tags(slices: Slices, size: int = 64) -> Slices:
    """A vendor's private block with `size` bytes that nobody else can read."""
    for one in slices:
        block = one.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", b"SV10" + bytes(size))
        block.add_new(0x18, "UN", b"\x00\x01")
    return slices


def encoded(slices: Slices, syntax: UID) -> Slices:
    """The same values in another transfer syntax.

    Raises:
        ValueError: nothing here writes this transfer syntax.
    """
    for one in slices:
        if syntax == JPEGLosslessSV1:
            _compress_by_gdcm(one)
        elif syntax in COMPRESSED_BY_PYDICOM:
            one.compress(syntax, generate_instance_uid=False)
        elif syntax.is_encapsulated or not syntax.is_little_endian:
            raise ValueError(f"{syntax.name} cannot be written here.")
        else:
            one.file_meta.TransferSyntaxUID = syntax
    return slices


def _compress_by_gdcm(dataset: Dataset) -> None:
    with TemporaryDirectory() as folder:
        writer = sitk.ImageFileWriter()
        writer.SetFileName(f"{folder}/compressed.dcm")
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.Execute(sitk.GetImageFromArray(stored_pixels(dataset)))
        compressed = dcmread(f"{folder}/compressed.dcm")
    for name in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(dataset, name, compressed[name].value)
    dataset["PixelData"] = compressed["PixelData"]
    dataset.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID


def stored_pixels(dataset: Dataset) -> np.ndarray:
    """The stored values (rows, columns) of an uncompressed image."""
    kind = "<i2" if dataset.PixelRepresentation else "<u2"
    return np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns)


def put_pixels(dataset: Dataset, pixels_yx: np.ndarray) -> None:
    """Store these values; the header must already tell their sign."""
    kind = "<i2" if dataset.PixelRepresentation else "<u2"
    data = np.ascontiguousarray(pixels_yx.astype(kind)).tobytes()
    dataset.add(DataElement(0x7FE00010, "OW", data))


def _place(dataset: Dataset) -> np.ndarray:
    return np.array(dataset.ImagePositionPatient, float)


def _put_place(dataset: Dataset, place_mm: np.ndarray) -> None:
    dataset.ImagePositionPatient = [decimal(x) for x in place_mm]
