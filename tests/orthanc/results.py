"""A label map whose every voxel can be named, and where it lies in the patient."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from orthanc.types import AlgorithmInfo, CompartmentVolume, LesionMeasurement, MeasuredRegion

ALGORITHM = AlgorithmInfo("CA-CNN", "1.2.0", "A demonstration model.", ("interval=95% split-conformal",))
VOLUMES = (
    CompartmentVolume(MeasuredRegion.WHOLE_TUMOUR, 30.2, 25.5, 36.25),
    CompartmentVolume(MeasuredRegion.TUMOUR_CORE, 9.3125, 7.0, 12.0),
    CompartmentVolume(MeasuredRegion.ENHANCING_TUMOUR, 6.8, 6.0, 8.1),
    CompartmentVolume(MeasuredRegion.OEDEMA, 20.8875, 17.0, 25.0),
    CompartmentVolume(MeasuredRegion.NONENHANCING_CORE, 2.5125, 0.0, 4.0),
)


LESIONS = (
    LesionMeasurement(
        1, 6.5, 2.25, 18.0, 31.4, 22.9, True, (-20.5, 12.0, 43.3), "left", "temporal", "1.2.3.9"
    ),
    LesionMeasurement(
        2, 0.3, 0.0, 2.9, 9.1, 6.2, False, (1.0, -4.5, 50.0), "both", "insula or deep grey matter"
    ),
)


def lopsided_labels(image: sitk.Image) -> sitk.Image:
    """Labels without any symmetry: a mirrored, shifted or transposed copy differs."""
    labels_zyx = np.zeros(image.GetSize()[::-1], np.uint8)
    labels_zyx[1:4, 2:7, 1:9] = 2
    labels_zyx[2:4, 3:5, 5:8] = 1
    labels_zyx[2, 4, 6:11] = 4
    labels = sitk.GetImageFromArray(labels_zyx)
    labels.CopyInformation(image)
    return labels


def uncertainty_like(labels: sitk.Image) -> sitk.Image:
    """A value of its own for every voxel, above 0 and below 1, on the grid of the labels."""
    count = labels.GetNumberOfPixels()
    values = (np.arange(1, count + 1) / (count + 2)).astype(np.float32)
    image = sitk.GetImageFromArray(values.reshape(labels.GetSize()[::-1]))
    image.CopyInformation(labels)
    return image


def places_of(labels: sitk.Image, label: int) -> set[tuple[float, ...]]:
    """Where in the patient (mm) the voxels of a label lie."""
    found = np.argwhere(sitk.GetArrayViewFromImage(labels) == label)[:, ::-1]
    return {_rounded(labels.TransformIndexToPhysicalPoint([int(n) for n in index])) for index in found}


def places_in_seg(seg: Dataset, segment: int) -> set[tuple[float, ...]]:
    """The same, read from the SEG's own headers and bits."""
    pixels = seg.pixel_array
    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    height_mm, width_mm = (float(x) for x in shared.PixelMeasuresSequence[0].PixelSpacing)
    places = set()
    for frame, own in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        if own.SegmentIdentificationSequence[0].ReferencedSegmentNumber != segment:
            continue
        corner = np.array(own.PlanePositionSequence[0].ImagePositionPatient, float)
        for row, column in np.argwhere(frame):
            places.add(_rounded(corner + cosines[:3] * width_mm * column + cosines[3:] * height_mm * row))
    return places


def _rounded(point) -> tuple[float, ...]:
    return tuple(round(float(x), 2) + 0.0 for x in point)
