"""A Segmentation that a reader saved in a viewer, back to a label map on the grid of its T1CE series."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from orthanc.codes import SEGMENTS
from orthanc.errors import BadResultError
from orthanc.intake import DAMAGED, check_dicom
from orthanc.slices import grid_of
from orthanc.sources import SourceSeries

PLACE_TOLERANCE_MM = 0.1
DIRECTION_TOLERANCE = 1e-3
LABEL_OF = {kind.text: kind.label for kind in SEGMENTS}


def parse_seg(data: bytes) -> Dataset:
    """The bytes of a file as a Segmentation with one bit a voxel.

    Raises:
        RejectedFileError: they are not DICOM, or are cut short.
        BadResultError: they are another kind of object.
    """
    seg = check_dicom(data)
    if seg.get("Modality") != "SEG" or seg.get("SegmentationType") != "BINARY":
        raise BadResultError("What was sent is not a segmentation with one bit a voxel (BINARY).")
    return seg


def labels_from_seg(seg: Dataset, source: SourceSeries) -> sitk.Image:
    """The label map (0, 1, 2, 4) that a Segmentation draws on the source series; segments are known by their label.

    Raises:
        BadResultError: it belongs to another study or space, lies on another grid, holds segments that are none of
            ours, or says two things of one voxel.
    """
    _check_origin(seg, source.datasets[0])
    labels_zyx = np.zeros((len(source.slices), *source.slices[0].size), np.uint8)
    try:
        drawn = list(zip(_frames(seg), _labels(seg), _places(seg, source), strict=True))
    except DAMAGED as error:
        raise BadResultError(
            "The mask does not say of each frame what it shows and where it lies."
        ) from error
    for mask_yx, label, z in drawn:
        drawn_yx = mask_yx != 0
        if np.any(drawn_yx & (labels_zyx[z] != 0) & (labels_zyx[z] != label)):
            raise BadResultError("Two segments overlap: a voxel can be of one kind of tissue only.")
        labels_zyx[z][drawn_yx] = label
    return _image(labels_zyx, source)


def _check_origin(seg: Dataset, first: Dataset) -> None:
    if seg.get("StudyInstanceUID") != first.StudyInstanceUID:
        raise BadResultError("The mask belongs to another study.")
    if seg.get("FrameOfReferenceUID") != first.FrameOfReferenceUID:
        raise BadResultError("The mask lies in another frame of reference than the T1CE series.")
    if (seg.get("Rows"), seg.get("Columns")) != (first.Rows, first.Columns):
        raise BadResultError("The mask lies on another grid than the T1CE series.")


def _frames(seg: Dataset) -> np.ndarray:
    """The frames, (frames, rows, columns)."""
    try:
        pixels = seg.pixel_array
    except (*DAMAGED, RuntimeError) as error:
        raise BadResultError("The voxels of the mask cannot be read.") from error
    return pixels if pixels.ndim == 3 else pixels[None]


def _labels(seg: Dataset) -> list[int]:
    """Our label of every frame."""
    names = {int(one.SegmentNumber): str(one.get("SegmentLabel", "")) for one in seg.SegmentSequence}
    shown = [
        int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        for group in seg.PerFrameFunctionalGroupsSequence
    ]
    strange = sorted({names[number] for number in shown} - set(LABEL_OF))
    if strange:
        raise BadResultError(
            f"Segment “{strange[0]}” is none of the result's: draw with {', '.join(LABEL_OF)}."
        )
    return [LABEL_OF[names[number]] for number in shown]


def _places(seg: Dataset, source: SourceSeries) -> list[int]:
    """The slice of the source on which every frame lies."""
    positions_mm = np.array([one.position_mm for one in source.slices])
    orientation = np.array(source.slices[0].orientation)
    shared = seg.get("SharedFunctionalGroupsSequence", [Dataset()])[0]
    places = []
    for own in seg.PerFrameFunctionalGroupsSequence:
        plane = own if "PlaneOrientationSequence" in own else shared
        turned = np.array(plane.PlaneOrientationSequence[0].ImageOrientationPatient, float)
        away_mm = np.linalg.norm(
            positions_mm - np.array(own.PlanePositionSequence[0].ImagePositionPatient, float), axis=1
        )
        nearest = int(away_mm.argmin())
        if away_mm[nearest] > PLACE_TOLERANCE_MM or np.abs(turned - orientation).max() > DIRECTION_TOLERANCE:
            raise BadResultError("The mask lies on another grid than the T1CE series.")
        places.append(nearest)
    return places


def _image(labels_zyx: np.ndarray, source: SourceSeries) -> sitk.Image:
    image = sitk.GetImageFromArray(labels_zyx)
    origin_mm, spacing_mm, direction = grid_of(source.slices)
    image.SetOrigin(origin_mm)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction)
    return image
