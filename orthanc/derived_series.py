"""Images computed from a series, on its grid, as a derived MR series of its study (PS3.3 A.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from orthanc.derived import new_object, reference_to
from orthanc.errors import BadResultError
from orthanc.image_plane import decimal, put_plane
from orthanc.sources import SourceSeries
from orthanc.uids import MANUFACTURER_MODEL, derive_uid

LARGEST = 32767
WINDOW_PERCENTILES = (1.0, 99.5)
FROM_SOURCE = (
    "ScanningSequence",
    "SequenceVariant",
    "ScanOptions",
    "MRAcquisitionType",
    "RepetitionTime",
    "EchoTime",
    "EchoTrainLength",
    "FlipAngle",
    "MagneticFieldStrength",
    "BodyPartExamined",
    "PatientPosition",
    "AcquisitionNumber",
)
"""How the source was acquired: the values were computed of images of this kind."""
REQUIRED = {"ScanningSequence": "RM", "SequenceVariant": "NONE", "ScanOptions": "", "MRAcquisitionType": "",
            "RepetitionTime": None, "EchoTime": None, "EchoTrainLength": None}  # fmt: skip
"""What an MR image has to say, where the source does not: RM is a research mode, empty is unknown."""


@dataclass(frozen=True, slots=True)
class DerivedSeries:
    """How a computed series is called, and in words how it was made."""

    description: str
    number: int
    derivation: str


def write_derived(
    image: sitk.Image,
    source: SourceSeries,
    series: DerivedSeries,
    *,
    key: str,
    made_at: datetime | None = None,
    also_from: Sequence[Dataset] = (),
) -> list[Dataset]:
    """One MR image for each slice, in order, in the source's frame of reference.

    Args:
        image: one value per voxel; its third axis gives the slices.
        key: tells this image of the source from others; the same arguments give the same bytes.
        also_from: further images that went in, such as those of another visit.

    Raises:
        BadResultError: values that are not finite.
    """
    values_zyx = sitk.GetArrayFromImage(image).astype(np.float32)
    if not np.isfinite(values_zyx).all():
        raise BadResultError("A derived image holds values that are not finite.")
    slope = max(float(np.abs(values_zyx).max()) / LARGEST, 1e-6)
    stored_zyx = np.rint(values_zyx / slope).astype(np.int16)
    low, high = np.percentile(
        values_zyx[values_zyx != 0] if values_zyx.any() else values_zyx, WINDOW_PERCENTILES
    )
    like = source.datasets[0]
    uids = sorted(str(one.SOPInstanceUID) for one in (*source.datasets, *also_from))
    series_uid = derive_uid(*uids, series.description, key)
    made = []
    for index in range(len(stored_zyx)):
        one = new_object(
            like,
            MRImageStorage,
            sop_uid=derive_uid(series_uid, "image", str(index)),
            series_uid=series_uid,
            series_number=series.number,
            instance_number=index + 1,
            modality="MR",
            description=series.description,
            software=MANUFACTURER_MODEL,
            made_at=made_at,
        )
        _put_facts(one, like, series, also_from)
        put_plane(one, image, index)
        one.SpacingBetweenSlices = one.SliceThickness
        _put_pixels(one, stored_zyx[index], slope, (float(low), float(high)))
        made.append(one)
    return made


def _put_facts(made: Dataset, like: Dataset, series: DerivedSeries, also_from: Sequence[Dataset]) -> None:
    for name in FROM_SOURCE:
        if like.get(name) not in (None, ""):
            setattr(made, name, like[name].value)
    for name, value in REQUIRED.items():
        if name not in made:
            setattr(made, name, value)
    made.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    made.FrameOfReferenceUID = like.FrameOfReferenceUID
    made.PositionReferenceIndicator = str(like.get("PositionReferenceIndicator") or "")
    made.DerivationDescription = series.derivation[:1024]
    made.SourceImageSequence = [reference_to(one) for one in (like, *also_from[:1])]


def _put_pixels(made: Dataset, stored_yx: np.ndarray, slope: float, shown: tuple[float, float]) -> None:
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = stored_yx.shape
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 1
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = decimal(0), decimal(slope), "US"
    low, high = shown
    made.WindowCenter, made.WindowWidth = decimal((low + high) / 2), decimal(max(high - low, slope))
    made.PixelData = stored_yx.tobytes()
