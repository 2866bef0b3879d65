"""The uncertainty map of a result, as Orthanc holds it, and as little of it as a viewer needs to draw it."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
from pydicom import dcmread

from orthanc.errors import NotInOrthancError
from orthanc.parametric_map import positions_mm
from orthanc.types import ObjectKind
from review.models import Result
from review.pacs import connect

STEPS = 255
"""A byte tells 1/255 apart: finer than any colour on a screen."""


def has_map(result: Result) -> bool:
    """Whether a map was written with the result; results of earlier versions have none."""
    return any(one.kind == ObjectKind.UNCERTAINTY for one in result.dicom_objects.all())


def map_as_dicom(result: Result) -> bytes:
    """The map as a DICOM file.

    Raises:
        NotInOrthancError: the result has no map, or Orthanc no longer holds it.
        OrthancUnavailableError: worth another try.
    """
    item = result.dicom_objects.filter(kind=ObjectKind.UNCERTAINTY).first()
    if item is None:
        raise NotInOrthancError("This result has no uncertainty map.")
    with connect() as pacs:
        found = pacs.find_instance(item.sop_uid)
        if found is None:
            raise NotInOrthancError("The uncertainty map is no longer in Orthanc.")
        return pacs.instance_bytes(found)


def map_for_viewer(dicom: bytes) -> bytes:
    """The map in 8 bits: the length of a header (4 bytes, little-endian), the header (JSON), then a byte a pixel.

    The header tells rows, columns, and where the first pixel of each frame lies (LPS, mm).
    """
    made = dcmread(BytesIO(dicom))
    values = np.frombuffer(made.FloatPixelData, "<f4")
    header = json.dumps(
        {"rows": made.Rows, "columns": made.Columns, "positions_mm": positions_mm(made), "steps": STEPS}
    ).encode()
    header += b" " * (-len(header) % 4)
    return len(header).to_bytes(4, "little") + header + np.rint(values * STEPS).astype(np.uint8).tobytes()
