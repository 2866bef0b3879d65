"""What grew, shrank and stayed between two visits, as a DICOM Segmentation on the later visit's T1CE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from orthanc.codes import (
    ABNORMAL_STRUCTURE,
    ARTIFICIAL_INTELLIGENCE,
    BRAIN,
    ENHANCING_LESION,
    NEOPLASM,
)
from orthanc.errors import BadResultError
from orthanc.slices import has_grid
from orthanc.sources import SourceSeries, fix_dimensions, names_as_they_are, sign
from orthanc.types import AlgorithmInfo
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL, derive_uid

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
    with names_as_they_are():
        seg = hd.seg.Segmentation(
            source_images=list(source.datasets),
            pixel_array=_frames(difference, source),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_segment(one, algorithm) for one in DIFFERENCE_SEGMENTS],
            series_instance_uid=derive_uid(*uids, "difference series", key),
            series_number=DIFFERENCE_SERIES_NUMBER,
            sop_instance_uid=derive_uid(*uids, "difference", key),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER_MODEL,
            software_versions=f"{algorithm.name} {algorithm.version}",
            device_serial_number="1",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=False,
            content_label="DIFFERENCE",
            content_description=description[:64],
            series_description=description[:64],
        )
    fix_dimensions(seg, str(derive_uid(*uids, "difference dimensions", key)))
    sign(seg, source.datasets[0], made_at)
    return seg


def _frames(difference: sitk.Image, source: SourceSeries) -> np.ndarray:
    """0/1 per segment (frames, rows, columns, segments), in the order of the source's frames."""
    if not has_grid(difference, source.slices):
        raise BadResultError("The map of differences is not on the grid of its source series.")
    labels_zyx = source.as_stored(sitk.GetArrayViewFromImage(difference))
    if labels_zyx.max() > len(DIFFERENCE_SEGMENTS):
        raise BadResultError("The map of differences holds unknown labels.")
    return np.stack([labels_zyx == one.number for one in DIFFERENCE_SEGMENTS], axis=-1).astype(np.uint8)


def _segment(one: DifferenceSegment, algorithm: AlgorithmInfo) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=one.number,
        segment_label=one.text,
        segmented_property_category=ABNORMAL_STRUCTURE,
        segmented_property_type=one.type,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name, family=ARTIFICIAL_INTELLIGENCE, version=algorithm.version
        ),
        anatomic_regions=[BRAIN],
        display_color=hd.color.CIELabColor.from_rgb(*one.rgb),
    )
