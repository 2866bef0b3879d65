"""What grew, shrank and stayed between two visits, as a DICOM Segmentation on the later visit's T1CE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from orthanc.binary_seg import SegIdentity, describe_segment, write_binary
from orthanc.codes import ENHANCING_LESION, NEOPLASM
from orthanc.errors import BadResultError
from orthanc.slices import has_grid
from orthanc.sources import SourceSeries
from orthanc.types import AlgorithmInfo
from orthanc.uids import derive_uid

DIFFERENCE_SERIES_NUMBER = 9012


@dataclass(frozen=True, slots=True)
class DifferenceSegment:
    """One label of the map as a segment of the same number."""

    number: int
    text: str
    type: Code
    rgb: tuple[int, int, int]


DIFFERENCE_SEGMENTS = (
    # Vermilion grows, bluish green shrinks, grey stays: told apart with every kind of colour blindness.
    DifferenceSegment(1, "Enhancing, grown", ENHANCING_LESION, (213, 94, 0)),
    DifferenceSegment(2, "Enhancing, shrunk", ENHANCING_LESION, (0, 158, 115)),
    DifferenceSegment(3, "Enhancing, stable", ENHANCING_LESION, (225, 225, 225)),
    DifferenceSegment(4, "Other tumour, grown", NEOPLASM, (230, 159, 0)),
    DifferenceSegment(5, "Other tumour, shrunk", NEOPLASM, (86, 180, 233)),
    DifferenceSegment(6, "Other tumour, stable", NEOPLASM, (140, 140, 140)),
)


def write_difference(
    difference: sitk.Image,
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    *,
    description: str,
    key: str,
    made_at: datetime | None = None,
) -> Dataset:
    """The map in the source's study; every segment is there, also where it is empty.

    Args:
        difference: labels of DIFFERENCE_SEGMENTS on the grid of the source's image.
        key: tells the pair of visits; the same arguments give the same bytes.

    Raises:
        BadResultError: the map is on another grid or holds other labels.
    """
    uids = sorted(str(one.SOPInstanceUID) for one in source.datasets)
    identity = SegIdentity(
        derive_uid(*uids, "difference series", key),
        derive_uid(*uids, "difference", key),
        derive_uid(*uids, "difference dimensions", key),
        DIFFERENCE_SERIES_NUMBER,
        "DIFFERENCE",
        description[:64],
    )
    segments = [
        describe_segment(one.number, one.text, one.type, one.rgb, algorithm) for one in DIFFERENCE_SEGMENTS
    ]
    return write_binary(_frames(difference, source), segments, source, algorithm, identity, made_at=made_at)


def _frames(difference: sitk.Image, source: SourceSeries) -> np.ndarray:
    """0/1 per segment (frames, rows, columns, segments), in the order of the source's frames."""
    if not has_grid(difference, source.slices):
        raise BadResultError("The map of differences is not on the grid of its source series.")
    labels_zyx = source.as_stored(sitk.GetArrayViewFromImage(difference))
    if labels_zyx.max() > len(DIFFERENCE_SEGMENTS):
        raise BadResultError("The map of differences holds unknown labels.")
    return np.stack([labels_zyx == one.number for one in DIFFERENCE_SEGMENTS], axis=-1).astype(np.uint8)
