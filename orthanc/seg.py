"""A label map on the T1CE grid to a DICOM Segmentation (PS3.3 A.51): BINARY, one segment per label."""

from __future__ import annotations

from datetime import datetime

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from highdicom.seg import SegmentAlgorithmTypeValues as AlgorithmTypes
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from orthanc.codes import (
    ABNORMAL_STRUCTURE,
    ARTIFICIAL_INTELLIGENCE,
    BRAIN,
    COLOURS,
    FINDINGS,
    SEGMENTS,
    Palette,
    SegmentKind,
)
from orthanc.errors import BadResultError
from orthanc.slices import has_grid
from orthanc.sources import SourceSeries, fix_dimensions, names_as_they_are, result_uid, sign
from orthanc.types import AlgorithmInfo, MeasuredRegion
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL, derive_uid

SEG_SERIES_NUMBER = 9001
"""Above the numbers that scanners give, also to their reformats."""


def write_seg(
    labels: sitk.Image,
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    *,
    edited_by: str = "",
    result_key: str = "",
    made_at: datetime | None = None,
    series_number: int = SEG_SERIES_NUMBER,
    palette: Palette = Palette.PAPER,
) -> Dataset:
    """The label map as a Segmentation in the source's study.

    Every slice has a frame in every segment, also where the segment is empty: viewers then need not
    guess the grid, and an absent tissue still has its segment.

    Args:
        labels: 0, 1, 2 and 4 on the grid of the source's image.
        source: the T1CE series.
        edited_by: the reader who corrected the outline; empty for the model's own.
        result_key: tells apart results of one model on one T1CE, such as with another FLAIR.
        made_at: date of the result; by default the study's. The same arguments give the same bytes.

    Raises:
        BadResultError: the label map is on another grid or holds other labels.
    """
    frames = _frames(labels, source)
    drawn = AlgorithmTypes.SEMIAUTOMATIC if edited_by else AlgorithmTypes.AUTOMATIC
    description = f"Glioma segmentation ({'edited by a reader' if edited_by else 'AI'}, research use)"
    first = source.datasets[0]
    with names_as_they_are():
        seg = hd.seg.Segmentation(
            source_images=list(source.datasets),
            pixel_array=frames,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_segment(kind, first, algorithm, palette, drawn) for kind in SEGMENTS],
            series_instance_uid=result_uid(source, algorithm, result_key, "SEG series"),
            series_number=series_number,
            sop_instance_uid=result_uid(source, algorithm, result_key, "SEG"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER_MODEL,
            software_versions=f"{algorithm.name} {algorithm.version}",
            device_serial_number="1",
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=False,
            content_label="GLIOMA",
            content_description=description,
            content_creator_name=edited_by or None,
            series_description=description,
        )
    fix_dimensions(seg, str(result_uid(source, algorithm, result_key, "dimensions")))
    sign(seg, source.datasets[0], made_at)
    return seg


def tracking_uid(source: Dataset, region: MeasuredRegion) -> str:
    """The same for this patient and region in every study, so that readers can follow it over time."""
    patient = (str(source.PatientID), str(source.get("IssuerOfPatientID", "")))
    return str(derive_uid("tracking", *patient, region.value))


def tracking_identifier(region: MeasuredRegion) -> str:
    """What readers see as the name of a tracked region, such as "ET Enhancing tumour"."""
    return f"{region.value} {FINDINGS[region].text}"


def _frames(labels: sitk.Image, source: SourceSeries) -> np.ndarray:
    """0/1 per segment (frames, rows, columns, segments), in the order of the source's frames."""
    if not has_grid(labels, source.slices):
        raise BadResultError("The label map is not on the grid of its source series.")
    labels_zyx = sitk.GetArrayViewFromImage(labels)
    strange = sorted(set(np.unique(labels_zyx).tolist()) - {0, *(kind.label for kind in SEGMENTS)})
    if strange:
        raise BadResultError(f"The label map holds unknown labels: {', '.join(map(str, strange))}.")
    labels_zyx = source.as_stored(labels_zyx)
    return np.stack([labels_zyx == kind.label for kind in SEGMENTS], axis=-1).astype(np.uint8)


def _segment(
    kind: SegmentKind, source: Dataset, algorithm: AlgorithmInfo, palette: Palette, drawn: AlgorithmTypes
) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=kind.number,
        segment_label=kind.text,
        segmented_property_category=ABNORMAL_STRUCTURE,
        segmented_property_type=kind.type,
        algorithm_type=drawn,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name, family=ARTIFICIAL_INTELLIGENCE, version=algorithm.version
        ),
        tracking_uid=tracking_uid(source, kind.region),
        tracking_id=tracking_identifier(kind.region),
        anatomic_regions=[BRAIN],
        display_color=hd.color.CIELabColor.from_rgb(*COLOURS[palette][kind.region]),
    )
