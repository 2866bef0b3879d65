"""A label map on the T1CE grid to a DICOM Segmentation (PS3.3 A.51): BINARY, one segment per label."""

from __future__ import annotations

from datetime import datetime

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from highdicom.seg import SegmentAlgorithmTypeValues as AlgorithmTypes
from pydicom.dataset import Dataset

from orthanc.binary_seg import SegIdentity, describe_segment, write_binary
from orthanc.codes import (
    COLOURS,
    FINDINGS,
    SEGMENTS,
    Palette,
    SegmentKind,
)
from orthanc.errors import BadResultError
from orthanc.slices import has_grid
from orthanc.sources import SourceSeries, result_uid
from orthanc.types import AlgorithmInfo, MeasuredRegion
from orthanc.uids import derive_uid

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
    identity = SegIdentity(
        result_uid(source, algorithm, result_key, "SEG series"),
        result_uid(source, algorithm, result_key, "SEG"),
        result_uid(source, algorithm, result_key, "dimensions"),
        series_number,
        "GLIOMA",
        description,
    )
    segments = [_segment(kind, first, algorithm, palette, drawn) for kind in SEGMENTS]
    return write_binary(frames, segments, source, algorithm, identity, creator=edited_by, made_at=made_at)


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
    return describe_segment(
        kind.number,
        kind.text,
        kind.type,
        COLOURS[palette][kind.region],
        algorithm,
        drawn=drawn,
        tracking_uid=tracking_uid(source, kind.region),
        tracking_id=tracking_identifier(kind.region),
    )
