"""What all our DICOM Segmentations have in common (PS3.3 A.51): BINARY, a frame of every slice in every segment.

A frame also where a segment is empty: viewers then need not guess the grid, and an absent tissue still has its segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import highdicom as hd
import numpy as np
from highdicom.seg import SegmentAlgorithmTypeValues as AlgorithmTypes
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from orthanc.codes import ABNORMAL_STRUCTURE, ARTIFICIAL_INTELLIGENCE, BRAIN
from orthanc.sources import SourceSeries, fix_dimensions, names_as_they_are, sign
from orthanc.types import AlgorithmInfo
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL


@dataclass(frozen=True, slots=True)
class SegIdentity:
    """What tells one Segmentation from others; the same identity and content give the same bytes."""

    series_uid: UID
    sop_uid: UID
    dimensions_uid: UID
    series_number: int
    label: str
    description: str
    """At most 64 characters."""


def write_binary(
    frames: np.ndarray,
    segments: Sequence[hd.seg.SegmentDescription],
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    identity: SegIdentity,
    *,
    creator: str = "",
    made_at: datetime | None = None,
) -> Dataset:
    """A Segmentation in the source's study.

    Args:
        frames: 0/1 per segment (frames, rows, columns, segments), in the order of the source's frames.
        creator: the reader who drew it; empty for a model's own.
        made_at: by default the date of the study.
    """
    with names_as_they_are():
        seg = hd.seg.Segmentation(
            source_images=list(source.datasets),
            pixel_array=frames,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=list(segments),
            series_instance_uid=identity.series_uid,
            series_number=identity.series_number,
            sop_instance_uid=identity.sop_uid,
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER_MODEL,
            software_versions=f"{algorithm.name} {algorithm.version}",
            device_serial_number="1",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=False,
            content_label=identity.label,
            content_description=identity.description,
            content_creator_name=creator or None,
            series_description=identity.description,
        )
    fix_dimensions(seg, str(identity.dimensions_uid))
    sign(seg, source.datasets[0], made_at)
    return seg


def describe_segment(
    number: int,
    text: str,
    kind: Code,
    rgb: tuple[int, int, int],
    algorithm: AlgorithmInfo,
    *,
    drawn: AlgorithmTypes = AlgorithmTypes.AUTOMATIC,
    tracking_uid: str | None = None,
    tracking_id: str | None = None,
) -> hd.seg.SegmentDescription:
    """A segment of the brain: `kind` is the coded type of its tissue, `rgb` the colour to show it in."""
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=text,
        segmented_property_category=ABNORMAL_STRUCTURE,
        segmented_property_type=kind,
        algorithm_type=drawn,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name, family=ARTIFICIAL_INTELLIGENCE, version=algorithm.version
        ),
        tracking_uid=tracking_uid,
        tracking_id=tracking_id,
        anatomic_regions=[BRAIN],
        display_color=hd.color.CIELabColor.from_rgb(*rgb),
    )
