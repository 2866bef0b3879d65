"""What the NIfTI reader does not say of a file: that it was cut short, that voxels are no numbers, or have no size.

The reader fills up a short file, turns NaN into 0, and takes 1 mm where no size is stated, all without a word.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from segmentation.errors import BadInputError

_CHUNK_BYTES = 1 << 22
_HEADER_BYTES = 348
_DATATYPE_AT, _VOXEL_SIZE_AT, _OFFSET_AT = 70, 80, 108
_FLOATS = {16: "f4", 64: "f8"}
"""NIfTI-1 codes of the number types that have NaN."""


def check_nifti(path: Path) -> None:
    """Unpack a `.nii.gz` to its end and look at every voxel.

    Raises:
        BadInputError: it holds NaN or infinite values, or states no size of its voxels.
        EOFError, OSError, zlib.error: it is damaged or cut short.
    """
    with gzip.open(path) as packed:
        header = packed.read(_HEADER_BYTES)
        _check_voxel_size(header, path)
        number = _float_type(header)
        packed.read(_gap_bytes(header))
        while chunk := packed.read(_CHUNK_BYTES):
            if number is not None:
                values = np.frombuffer(chunk[: len(chunk) // number.itemsize * number.itemsize], number)
                if not np.isfinite(values).all():
                    raise BadInputError(
                        f"{path} holds values that are not numbers (NaN or infinite); write them as 0 "
                        "where there is no image."
                    )


def _check_voxel_size(header: bytes, path: Path) -> None:
    order = _byte_order(header)
    if order is None:
        return
    size_mm = struct.unpack_from(f"{order}3f", header, _VOXEL_SIZE_AT)
    if not all(np.isfinite(size_mm)) or 0 in size_mm:
        words = " x ".join(f"{side:g}" for side in size_mm)
        raise BadInputError(f"{path} states a voxel size of {words} mm; write the true one into its header.")


def _float_type(header: bytes) -> np.dtype[np.floating] | None:
    """The type of the voxels where it has NaN; None for others, and for what is no NIfTI-1."""
    order = _byte_order(header)
    if order is None:
        return None
    (code,) = struct.unpack_from(f"{order}h", header, _DATATYPE_AT)
    return np.dtype(order + _FLOATS[code]) if code in _FLOATS else None


def _gap_bytes(header: bytes) -> int:
    """From the header's end to the first voxel."""
    order = _byte_order(header)
    if order is None:
        return 0
    (offset,) = struct.unpack_from(f"{order}f", header, _OFFSET_AT)
    return max(0, int(offset) - _HEADER_BYTES)


def _byte_order(header: bytes) -> str | None:
    for order in "<>":
        if len(header) == _HEADER_BYTES and struct.unpack_from(f"{order}i", header)[0] == _HEADER_BYTES:
            return order
    return None
