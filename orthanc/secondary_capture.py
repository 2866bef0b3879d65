"""The overlay as plain colour images (Secondary Capture, PS3.3 A.8), for archives that show no Segmentation.

One single-frame RGB object per slice, uncompressed unless asked: what every archive displays, scrolls and links to the
source, whose place in the patient, frame of reference and facts of acquisition each slice takes over. A sagittal or
coronal source is reconstructed in the axial plane. The legend lies below the image, where it hides no anatomy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGLSLossless, SecondaryCaptureImageStorage
from scipy import ndimage

from orthanc.codes import COLOURS, SEGMENTS, Palette
from orthanc.derived import new_object, reference_to
from orthanc.errors import BadResultError
from orthanc.image_plane import decimal, put_plane
from orthanc.legend import draw_legend
from orthanc.read import image_of
from orthanc.sources import SourceSeries, result_uid
from orthanc.types import AlgorithmInfo, CompartmentVolume
from orthanc.uids import derive_uid

OPACITY = 0.35
"""Of the fill; the outline of each tissue is opaque."""
WINDOW_PERCENTILES = (1.0, 99.5)
COPIED = (
    "AcquisitionNumber",
    "AcquisitionDate",
    "AcquisitionTime",
    "BodyPartExamined",
    "PatientPosition",
    "PatientAge",
    "PatientWeight",
)
"""What a slice takes from the source image that it is drawn on, beside its place."""


@dataclass(frozen=True, slots=True)
class OverlaySeries:
    """How a series of overlays is called, and what tells it from others of the same result."""

    description: str
    number: int


class Compression(StrEnum):
    """How pixels of overlays are stored; both keep every value."""

    NONE = "none"
    JPEG_LS = "jpeg-ls"


@dataclass(frozen=True, slots=True)
class OverlayFormat:
    """How much an archive is asked to keep: of slices closer than `step_mm`, every so many gets a picture."""

    step_mm: float = 0.0
    compression: Compression = Compression.NONE

    def every(self, spacing_mm: float) -> int:
        """Of how many slices one is drawn."""
        return max(1, int(self.step_mm / spacing_mm + 0.01))

    def names(self, spacing_mm: float) -> tuple[str, ...]:
        """What tells a series of this format from the plain one of the same result."""
        every = self.every(spacing_mm)
        thinned = (f"every {every}",) if every > 1 else ()
        packed = (self.compression.value,) if self.compression is not Compression.NONE else ()
        return (*thinned, *packed)


ON_T1CE = OverlaySeries("Glioma overlay on T1CE (AI, research use)", 9003)
ON_FLAIR = OverlaySeries("Glioma overlay on FLAIR (AI, research use)", 9004)
PLAIN = OverlayFormat()


def write_overlays(
    labels: sitk.Image,
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    volumes: Sequence[CompartmentVolume],
    series: OverlaySeries,
    *,
    remarks: Sequence[str] = (),
    palette: Palette = Palette.PAPER,
    wanted: OverlayFormat = PLAIN,
    result_key: str = "",
    made_at: datetime | None = None,
) -> list[Dataset]:
    """A colour image for each axial slice of the source, or for every so many, in order, as one series.

    Args:
        labels: 0, 1, 2 and 4 on any grid in the source's frame of reference.
        source: the series to draw on.
        volumes, remarks: what the legend says.
        wanted: of a thin series, the slice with most tumour is among those drawn.
        result_key, made_at: as for `write_seg`; the same arguments give the same bytes.

    Raises:
        BadSeriesError: the pixels of the source cannot be read.
        BadResultError: no voxel of the labels lies within the source.
    """
    image = image_of(source.slices)
    is_axial = source.slices[0].plane == "axial"
    drawn_on = image if is_axial else _reconstructed(image)
    grey_zyx = grey_levels(drawn_on)
    labels_zyx = _labels_on(labels, drawn_on)
    legend = draw_legend(volumes, algorithm, remarks, palette, drawn_on.GetWidth())
    spacing_mm = drawn_on.GetSpacing()[2]
    names = wanted.names(spacing_mm)
    series_uid = result_uid(source, algorithm, result_key, series.description, "series", *names)
    start = _Start(source, algorithm, series, series_uid, made_at)
    made = []
    for number, index in enumerate(_chosen(labels_zyx, wanted.every(spacing_mm)), start=1):
        capture = start.capture(index, number, is_axial)
        _put_place(capture, drawn_on, index)
        _put_pixels(capture, _below(painted(grey_zyx[index], labels_zyx[index], palette), legend))
        if wanted.compression is Compression.JPEG_LS:
            capture.compress(JPEGLSLossless, generate_instance_uid=False)
        made.append(capture)
    return made


def _chosen(labels_zyx: np.ndarray, every: int) -> range:
    """The slices to draw, the one with most tumour among them."""
    largest = int(np.count_nonzero(labels_zyx, axis=(1, 2)).argmax())
    return range(largest % every, len(labels_zyx), every)


def painted(grey_yx: np.ndarray, labels_yx: np.ndarray, palette: Palette) -> np.ndarray:
    """Grey values (0 to 255) as RGB (rows, columns, 3), each tissue filled faintly and outlined."""
    grey = np.repeat(grey_yx[..., None], 3, axis=-1)
    if not labels_yx.any():
        return grey
    rgb = grey.astype(np.float32)
    for kind in SEGMENTS:
        inside_yx = labels_yx == kind.label
        colour = np.array(COLOURS[palette][kind.region], np.float32)
        rgb[inside_yx] = (1 - OPACITY) * rgb[inside_yx] + OPACITY * colour
        rgb[inside_yx & ~ndimage.binary_erosion(inside_yx)] = colour
    return np.rint(rgb).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Start:
    """What all images of one series of overlays share."""

    source: SourceSeries
    algorithm: AlgorithmInfo
    series: OverlaySeries
    series_uid: UID
    made_at: datetime | None

    def capture(self, index: int, number: int, is_axial: bool) -> Dataset:
        """An image without pixels, with what the source image at its place says of the acquisition."""
        own = self.source.slices[index].dataset if is_axial else self.source.datasets[0]
        capture = new_object(
            own,
            SecondaryCaptureImageStorage,
            sop_uid=derive_uid(self.series_uid, "image", str(index)),
            series_uid=self.series_uid,
            series_number=self.series.number,
            instance_number=number,
            # The images belong beside the source in an archive's hanging, which sorts by modality.
            modality="MR",
            description=self.series.description,
            software=f"{self.algorithm.name} {self.algorithm.version}",
            made_at=self.made_at,
        )
        for name in COPIED:
            if own.get(name) not in (None, ""):
                setattr(capture, name, own[name].value)
        capture.ConversionType = "WSD"
        capture.ImageType = ["DERIVED", "SECONDARY"]
        capture.BurnedInAnnotation = "NO"  # the legend names no patient
        capture.FrameOfReferenceUID = own.FrameOfReferenceUID
        capture.PositionReferenceIndicator = str(own.get("PositionReferenceIndicator") or "")
        capture.DerivationDescription = "Tumour compartments drawn in colour" + (
            "" if is_axial else ", reconstructed in the axial plane"
        )
        if is_axial:
            capture.SourceImageSequence = [_reference(own, self.source.slices[index].frame)]
        return capture


def _reference(source: Dataset, frame: int) -> Dataset:
    reference = reference_to(source)
    if "NumberOfFrames" in source:
        reference.ReferencedFrameNumber = frame + 1
    return reference


def _reconstructed(image: sitk.Image) -> sitk.Image:
    """The same voxels seen from below, as square pixels, slices from the feet upwards."""
    turned = sitk.DICOMOrient(image, "LPS")
    width_mm, height_mm, step_mm = turned.GetSpacing()
    fine_mm = min(width_mm, height_mm)
    if max(width_mm, height_mm) - fine_mm < 0.01 * fine_mm:
        return turned
    columns, rows, n_slices = turned.GetSize()
    size = [round(columns * width_mm / fine_mm), round(rows * height_mm / fine_mm), n_slices]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing((fine_mm, fine_mm, step_mm))
    grid.SetDirection(turned.GetDirection())
    first = [(fine_mm / width_mm - 1) / 2, (fine_mm / height_mm - 1) / 2, 0.0]
    grid.SetOrigin(turned.TransformContinuousIndexToPhysicalPoint(first))
    return sitk.Resample(sitk.Cast(turned, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear)


def _labels_on(labels: sitk.Image, grid: sitk.Image) -> np.ndarray:
    moved = sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    labels_zyx = sitk.GetArrayFromImage(moved)
    if not labels_zyx.any() and sitk.GetArrayViewFromImage(labels).any():
        raise BadResultError("The label map lies outside of the series that it is to be drawn on.")
    return labels_zyx


def grey_levels(image: sitk.Image) -> np.ndarray:
    """The image as 8 bits (slices, rows, columns), windowed once for the whole series."""
    values_zyx = sitk.GetArrayFromImage(image).astype(np.float32)
    seen = values_zyx[values_zyx > values_zyx.min()]
    low, high = np.percentile(seen if seen.size else values_zyx, WINDOW_PERCENTILES)
    scaled = (values_zyx - low) * (255.0 / max(float(high - low), 1e-6))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _below(image_yxc: np.ndarray, legend_yxc: np.ndarray) -> np.ndarray:
    """The image with the legend under it: its first pixel stays where it was."""
    width = max(image_yxc.shape[1], legend_yxc.shape[1])

    def wide(part: np.ndarray) -> np.ndarray:
        return np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)))

    return np.concatenate([wide(image_yxc), wide(legend_yxc)])


def _put_place(capture: Dataset, grid: sitk.Image, index: int) -> None:
    put_plane(capture, grid, index)
    matrix = np.reshape(grid.GetDirection(), (3, 3))
    position_mm = grid.TransformIndexToPhysicalPoint((0, 0, index))
    capture.PatientOrientation = [_letter(matrix[:, 0]), _letter(matrix[:, 1])]
    capture.SliceLocation = decimal(float(matrix[:, 2] @ np.array(position_mm)))


def _letter(direction: np.ndarray) -> str:
    """The side of the patient that a direction mainly runs to (PS3.3 C.7.6.1.1.1)."""
    axis = int(np.argmax(np.abs(direction)))
    return ("LR", "PA", "HF")[axis][int(direction[axis] < 0)]


def _put_pixels(capture: Dataset, rgb: np.ndarray) -> None:
    capture.SamplesPerPixel, capture.PhotometricInterpretation, capture.PlanarConfiguration = 3, "RGB", 0
    capture.Rows, capture.Columns = rgb.shape[:2]
    capture.BitsAllocated = capture.BitsStored = 8
    capture.HighBit, capture.PixelRepresentation = 7, 0
    data = rgb.tobytes()
    capture.PixelData = data + b"\0" * (len(data) % 2)
