"""Looks at bytes before they go to Orthanc, which itself stores images that lack half their pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from math import ceil

from pydicom import config, dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from orthanc.errors import RejectedFileError
from orthanc.uids import looks_like_uid

NEEDED_UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
GROWS_AT_MOST = 200
"""Bytes out of one deflated byte. Images with much black come to 20; a file made to fill the memory comes to 1000."""
GROWTH_COUNTS_FROM_BYTES = 16 * 1024**2
LARGEST_PIXEL_BYTES = 2 * 1024**3
"""All frames of one object, unpacked: several times what the largest MR series holds."""

DEEPEST = 20
"""Sequences within sequences: reports have up to ten. Orthanc 1.10 ends when it reads an object of sixty."""

ITEM = b"\xfe\xff\x00\xe0"
"""How an item of a sequence begins."""

TOO_DEEP = "The file holds sequences within sequences without end."

DAMAGED = (
    *(
        EOFError,
        OSError,
        ValueError,
        KeyError,
        AttributeError,
        IndexError,
        TypeError,
        OverflowError,
        MemoryError,
    ),
    *(NotImplementedError, RecursionError, BytesLengthException, struct.error, zlib.error),
)
"""What pydicom raises on bytes that are no DICOM where they should be."""


def check_dicom(data: bytes) -> FileDataset:
    """Parse a DICOM file and see that it is whole.

    Raises:
        RejectedFileError: not DICOM, cut short, a directory (DICOMDIR), or without its identifiers.
    """
    dataset = _parse(data)
    if dataset.file_meta.get("MediaStorageSOPClassUID") == "1.2.840.10008.1.3.10":
        raise RejectedFileError("This is a DICOMDIR, the table of contents of a disc, not an image.")
    for name in NEEDED_UIDS:
        if not dataset.get(name):
            raise RejectedFileError(f"The file is cut short, or was written without {name}.")
        if not isinstance(dataset.get(name), UID) or not looks_like_uid(str(dataset.get(name))):
            raise RejectedFileError(f"The file's {name} is no UID.")
    if not dataset.file_meta.TransferSyntaxUID.is_transfer_syntax:
        raise RejectedFileError("The file says that it is encoded in a way that DICOM does not know.")
    _check_pixels(dataset)
    return dataset


def _parse(data: bytes) -> FileDataset:
    if not data:
        raise RejectedFileError("The file is empty.")
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            # pydicom only warns of a file that ends too early; we look for what is missing ourselves.
            warnings.simplefilter("ignore", UserWarning)
            _check_growth(data)
            dataset = dcmread(BytesIO(data))
            # Reading is lazy: touching every element finds values that end before their length says.
            for one in (dataset.file_meta, dataset):
                _touch(one)
    except RejectedFileError:
        raise
    except InvalidDicomError:
        raise RejectedFileError("This is not a DICOM file.") from None
    except RecursionError:
        raise RejectedFileError(TOO_DEEP) from None
    except DAMAGED as error:
        raise RejectedFileError(f"The file is cut short or damaged ({_words(error)}).") from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        raise RejectedFileError("The file does not say how it is encoded (no Transfer Syntax UID).")
    return dataset


def _touch(dataset: Dataset, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise RejectedFileError(TOO_DEEP)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _touch(item, depth + 1)


def is_too_deep(data: bytes) -> bool:
    """Whether Orthanc would end when it reads this object, which it took from a scanner unread (see `DEEPEST`)."""
    if max(data.count(ITEM), data.count(ITEM[1::-1] + ITEM[:1:-1])) <= DEEPEST:
        return False
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return _is_deeper(dcmread(BytesIO(data), force=True), DEEPEST)
    except DAMAGED:
        return True  # many items, and nobody can say how they lie in each other


def _is_deeper(dataset: Dataset, levels: int) -> bool:
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in _items(dataset))


def _items(dataset: Dataset) -> Iterator[Dataset]:
    for tag in [*dataset.keys()]:
        try:
            element = dataset[tag]
        except RecursionError:
            raise
        except DAMAGED:
            continue  # no sequence, whatever else it is
        if element.VR == "SQ":
            yield from element.value


def _words(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def _check_growth(data: bytes) -> None:
    """A deflated file is unpacked in memory as a whole, so it must not grow beyond measure."""
    file = BytesIO(data)
    read_preamble(file, force=False)
    meta = read_dataset(file, False, True, stop_when=_is_past_meta)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    most_bytes = max(GROWTH_COUNTS_FROM_BYTES, GROWS_AT_MOST * len(data))
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[file.tell() :], most_bytes + 1)
    if len(unpacked) > most_bytes:
        raise RejectedFileError("The file would grow more than 200-fold when unpacked: images do not.")


def _is_past_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag.group != 2


def _check_pixels(dataset: FileDataset) -> None:
    if "Rows" not in dataset:
        if "Image Storage" in dataset.SOPClassUID.name:
            raise RejectedFileError("The file is cut short: it ends before the image.")
        return
    if "PixelData" not in dataset:
        if any(name in dataset for name in ("FloatPixelData", "DoubleFloatPixelData")):
            return
        raise RejectedFileError("The file is cut short: it ends before the pixels.")
    announced = _announced_pixel_bytes(dataset)
    if announced > LARGEST_PIXEL_BYTES:
        raise RejectedFileError(
            f"The header announces {announced // 1024**2} MB of pixels, more than any image here may have."
        )
    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_length(dataset, announced)


def _check_length(dataset: FileDataset, expected: int) -> None:
    there = len(dataset.PixelData or b"")
    if there < expected:
        raise RejectedFileError(f"The file is cut short: {there} of {expected} bytes of pixels are there.")
    row_bytes = int(dataset.Columns) * ceil(int(dataset.BitsAllocated) / 8)
    if there >= expected + max(row_bytes, 2):
        # Less than a row too much is padding, which some archives add.
        raise RejectedFileError(
            f"The header announces {dataset.Rows} x {dataset.Columns} pixels, but there are more: "
            f"{there} instead of {expected} bytes."
        )


def _announced_pixel_bytes(dataset: FileDataset) -> int:
    samples = _count(dataset, "Rows") * _count(dataset, "Columns") * _count(dataset, "SamplesPerPixel", 1)
    return ceil(samples * _count(dataset, "NumberOfFrames", 1) * _count(dataset, "BitsAllocated") / 8)


def _count(dataset: FileDataset, name: str, usual: int | None = None) -> int:
    """A number of the header that must be whole and positive; `usual` where it is left out."""
    value = dataset.get(name)
    if value in (None, "") and usual is not None:
        return usual
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1:
        raise RejectedFileError(f"The header says nothing sensible of the image's {name}.")
    return number
