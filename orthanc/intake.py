"""Looks at bytes before they go to Orthanc, which itself stores images that lack half their pixels."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from math import ceil
from typing import IO

from pydicom import config, dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError

from orthanc.errors import RejectedFileError

NEEDED_UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
NOT_IMAGES = ("DICOMDIR", "VERSION", "LOCKFILE", "AUTORUN.INF", "THUMBS.DB")
ZIP_MAGIC = b"PK\x03\x04"


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
    _check_pixels(dataset)
    return dataset


def _parse(data: bytes) -> FileDataset:
    if not data:
        raise RejectedFileError("The file is empty.")
    try:
        with config.disable_value_validation(), warnings.catch_warnings():
            # pydicom only warns of a file that ends too early; we look for what is missing ourselves.
            warnings.simplefilter("ignore", UserWarning)
            dataset = dcmread(BytesIO(data))
            # Reading is lazy: touching every element finds values that end before their length says.
            for _ in dataset.iterall():
                pass
    except InvalidDicomError:
        raise RejectedFileError("This is not a DICOM file.") from None
    except (EOFError, OSError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise RejectedFileError(f"The file is cut short or damaged ({error}).") from error
    if "TransferSyntaxUID" not in dataset.file_meta:
        raise RejectedFileError("The file does not say how it is encoded (no Transfer Syntax UID).")
    return dataset


def _check_pixels(dataset: FileDataset) -> None:
    if "Rows" not in dataset:
        if "Image Storage" in dataset.SOPClassUID.name:
            raise RejectedFileError("The file is cut short: it ends before the image.")
        return
    if "PixelData" not in dataset:
        if any(name in dataset for name in ("FloatPixelData", "DoubleFloatPixelData")):
            return
        raise RejectedFileError("The file is cut short: it ends before the pixels.")
    expected = expected_pixel_bytes(dataset)
    if expected is not None and len(dataset.PixelData) < expected:
        raise RejectedFileError(
            f"The file is cut short: {len(dataset.PixelData)} of {expected} bytes of pixels are there."
        )
    row_bytes = int(dataset.Columns) * ceil(int(dataset.BitsAllocated) / 8)
    if expected is not None and len(dataset.PixelData) >= expected + max(row_bytes, 2):
        # Less than a row too much is padding, which some archives add.
        raise RejectedFileError(
            f"The header announces {dataset.Rows} x {dataset.Columns} pixels, but there are more: "
            f"{len(dataset.PixelData)} instead of {expected} bytes."
        )


def expected_pixel_bytes(dataset: FileDataset) -> int | None:
    """How many bytes of pixels the header announces; None where they are compressed."""
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return None
    samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1))
    frames = int(dataset.get("NumberOfFrames") or 1)
    return ceil(samples * frames * int(dataset.BitsAllocated) / 8)


def is_zip(data: bytes) -> bool:
    """Whether the bytes begin as a zip archive."""
    return data.startswith(ZIP_MAGIC)


def unzip_members(archive: IO[bytes], largest_bytes: int = 2**30) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file in a zip archive that may be an image.

    Directories, disc tables of contents and hidden files are passed over.

    Raises:
        RejectedFileError: the archive is damaged, locked by a password, or a member is larger than
            `largest_bytes` once unpacked.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                if _may_be_image(member):
                    if member.file_size > largest_bytes:
                        raise RejectedFileError(f"{member.filename} is too large.")
                    yield member.filename, opened.read(member)
    except zipfile.BadZipFile as error:
        raise RejectedFileError(f"The zip archive is damaged ({error}).") from error
    except RuntimeError as error:  # zipfile's answer to a missing password
        raise RejectedFileError(f"The zip archive cannot be opened ({error}).") from error


def _may_be_image(member: zipfile.ZipInfo) -> bool:
    name = member.filename.rsplit("/", 1)[-1]
    return not member.is_dir() and not name.startswith(".") and name.upper() not in NOT_IMAGES
