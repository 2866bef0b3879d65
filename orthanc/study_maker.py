"""Wraps four images as a DICOM study such as a scanner would send: classic MR, one file per slice.

Sequence parameters follow the protocol of Lotan et al., AJNR 2022;43:24-32 (MR Imaging Protocol).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from orthanc.errors import BadSeriesError
from orthanc.image_plane import decimal, put_plane
from orthanc.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, derive_uid

THIN_MM = 2.0
"""Series with slices no further apart than this get the header of a 3D sequence."""

INT16_MAX = 32767


@dataclass(frozen=True, slots=True)
class VisitDescription:
    """Who was scanned, when and where. Dates YYYYMMDD, times HHMMSS."""

    patient_id: str
    patient_name: str = "Anonymous"
    birth_date: str = ""
    sex: str = "O"
    study_date: str = "20240115"
    study_time: str = "093000"
    accession_number: str = ""
    study_description: str = "MRI BRAIN TUMOR W WO CONTRAST"
    institution: str = "Demo Hospital"
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a scanner writes about one sequence."""

    number: int
    description: str
    minutes_after_start: float
    scanning_sequence: str
    sequence_variant: str
    sequence_name: str
    acquisition_type: str
    repetition_time_ms: float
    echo_time_ms: float
    flip_angle_deg: float
    inversion_time_ms: float | None = None
    contrast_agent: str = ""


THICK_PROTOCOLS = {
    "t1": Protocol(3, "AX T1 SE", 4, "SE", "SP", "*se2d1", "2D", 715, 12, 90),
    "t2": Protocol(4, "AX T2 TSE", 9, "SE", "SK", "*tse2d1_15", "2D", 5460, 81, 120),
    "flair": Protocol(5, "AX T2 FLAIR", 14, "IR", "SK", "*tir2d1_16", "2D", 9000, 89, 150, 2500),
    "t1ce": Protocol(9, "AX T1 SE POST GAD", 26, "SE", "SP", "*se2d1", "2D", 715, 12, 90, None, "Gadavist"),
}
THIN_PROTOCOLS = {
    "t1": Protocol(3, "SAG T1 MPRAGE", 4, "GR", "SP", "*tfl3d1_16", "3D", 2200, 4, 15, 900),
    "t2": Protocol(4, "SAG T2 SPACE", 9, "SE", "SK", "*spc_282ns", "3D", 3200, 420, 120),
    "flair": Protocol(5, "SAG T2 SPACE FLAIR", 14, "IR", "SK", "*spcir_278ns", "3D", 6000, 325, 120, 2100),
    "t1ce": Protocol(
        9, "SAG T1 MPRAGE POST GAD", 26, "GR", "SP", "*tfl3d1_16", "3D", 2200, 4, 15, 900, "Gadavist"
    ),
}
PLANE_WORDS = {"S": "AX", "I": "AX", "A": "COR", "P": "COR", "L": "SAG", "R": "SAG"}
SCANNER_ORDER = {"AX": "LPS", "COR": "LIP", "SAG": "PIR"}
"""How scanners order rows, columns and slices in each plane, so that every viewer shows the head upright."""


def make_study(
    images: Mapping[str, sitk.Image], out_dir: Path, visit: VisitDescription, uid_seed: str
) -> list[Path]:
    """Write the images as one DICOM study and return the files, in order of acquisition.

    Args:
        images: by name, any of "t1", "t1ce", "t2", "flair"; each keeps its own grid. Axes are only
            put in the order that scanners use (a swap or flip: no voxel moves in space).
        out_dir: gets one folder per series.
        visit: what the headers say of patient and study.
        uid_seed: the same seed and visit give the same UIDs and the same bytes.

    Raises:
        BadSeriesError: an unknown name, an image that is not 3D, or values that are not finite.
    """
    unknown = sorted(set(images) - set(THIN_PROTOCOLS))
    if unknown:
        raise BadSeriesError(f"Unknown image {', '.join(unknown)}; known are {', '.join(THIN_PROTOCOLS)}.")
    files: list[Path] = []
    for name in sorted(images, key=lambda name: THIN_PROTOCOLS[name].number):
        files.extend(_write_series(name, images[name], out_dir, visit, uid_seed))
    return files


def _write_series(
    name: str, image: sitk.Image, out_dir: Path, visit: VisitDescription, uid_seed: str
) -> Iterator[Path]:
    _check(name, image)
    image, plane = _as_scanned(image)
    protocol = (THIN_PROTOCOLS if image.GetSpacing()[2] <= THIN_MM else THICK_PROTOCOLS)[name]
    pixels_zyx, slope = _as_int16(sitk.GetArrayViewFromImage(image))
    seeds = (uid_seed, visit.patient_id, visit.study_date, visit.accession_number)
    series = _series_dataset(protocol, plane, visit, seeds, name)
    _add_pixel_description(series, pixels_zyx, slope)
    folder = out_dir / f"{protocol.number:02d}_{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(image.GetSize()[2]):
        path = folder / f"IM{k + 1:04d}.dcm"
        _save_slice(series, image, pixels_zyx[k], k, derive_uid(*seeds, name, str(k)), path)
        yield path


def _check(name: str, image: sitk.Image) -> None:
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise BadSeriesError(f"{name} is not a three-dimensional image with one value per voxel.")
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
        raise BadSeriesError(f"{name} has values that are not finite numbers.")


def _as_scanned(image: sitk.Image) -> tuple[sitk.Image, str]:
    """The same voxels with axes ordered as scanners do, and the plane (AX, COR or SAG)."""
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    plane = PLANE_WORDS[code[2]]
    return sitk.DICOMOrient(image, SCANNER_ORDER[plane]), plane


def _as_int16(array_zyx: np.ndarray) -> tuple[np.ndarray, float]:
    """Pixels and rescale slope: slope 1 where the values already are 16-bit whole numbers."""
    largest = float(np.abs(array_zyx).max())
    if largest <= INT16_MAX and np.array_equal(array_zyx, np.rint(array_zyx)):
        return array_zyx.astype("<i2"), 1.0
    # The header stores the slope in 16 characters: scale with the very number that it will hold.
    slope = float(str(decimal(largest / INT16_MAX * 1.000001)))
    return np.rint(array_zyx / slope).astype("<i2"), slope


def _series_dataset(
    protocol: Protocol, plane: str, visit: VisitDescription, seeds: tuple[str, ...], name: str
) -> Dataset:
    """Everything that the slices of a series share, but for grid and pixels."""
    dataset = _study_dataset(visit, seeds)
    began = datetime.strptime(visit.study_date + visit.study_time[:6], "%Y%m%d%H%M%S") + timedelta(
        minutes=protocol.minutes_after_start
    )
    dataset.SeriesInstanceUID = derive_uid(*seeds, name)
    dataset.FrameOfReferenceUID = derive_uid(*seeds, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.SeriesNumber = protocol.number
    dataset.SeriesDescription = " ".join([plane, *protocol.description.split()[1:]])
    dataset.ProtocolName = dataset.SeriesDescription.lower().replace(" ", "_")
    dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = f"{began:%Y%m%d}"
    dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = f"{began:%H%M%S}"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]
    _add_sequence(dataset, protocol)
    return dataset


def _add_sequence(dataset: Dataset, protocol: Protocol) -> None:
    dataset.ScanningSequence = protocol.scanning_sequence
    dataset.SequenceVariant = protocol.sequence_variant
    dataset.ScanOptions = ""
    dataset.SequenceName = protocol.sequence_name
    dataset.MRAcquisitionType = protocol.acquisition_type
    dataset.RepetitionTime = decimal(protocol.repetition_time_ms)
    dataset.EchoTime = decimal(protocol.echo_time_ms)
    dataset.FlipAngle = decimal(protocol.flip_angle_deg)
    dataset.EchoTrainLength = 1
    dataset.NumberOfAverages = 1
    dataset.MagneticFieldStrength = 3
    if protocol.inversion_time_ms is not None:
        dataset.InversionTime = decimal(protocol.inversion_time_ms)
    if protocol.contrast_agent:
        dataset.ContrastBolusAgent = protocol.contrast_agent
        dataset.ContrastBolusRoute = "IV"


def _study_dataset(visit: VisitDescription, seeds: tuple[str, ...]) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = MRImageStorage
    dataset.Modality = "MR"
    dataset.Manufacturer = "SIEMENS"
    dataset.ManufacturerModelName = "Skyra"
    dataset.InstitutionName = visit.institution
    dataset.StationName = "MR3T1"
    dataset.BodyPartExamined = "BRAIN"
    dataset.PatientPosition = "HFS"
    dataset.PatientName = visit.patient_name
    dataset.PatientID = visit.patient_id
    if visit.issuer:
        dataset.IssuerOfPatientID = visit.issuer
    dataset.PatientBirthDate = visit.birth_date
    dataset.PatientSex = visit.sex
    dataset.StudyInstanceUID = derive_uid(*seeds)
    dataset.StudyID = "1"
    dataset.StudyDate = visit.study_date
    dataset.StudyTime = visit.study_time
    dataset.StudyDescription = visit.study_description
    dataset.AccessionNumber = visit.accession_number
    dataset.ReferringPhysicianName = ""
    return dataset


def _add_pixel_description(dataset: Dataset, pixels_zyx: np.ndarray, slope: float) -> None:
    dataset.Rows, dataset.Columns = pixels_zyx.shape[1:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.RescaleIntercept = decimal(0)
    dataset.RescaleSlope = decimal(slope)
    dataset.RescaleType = "US"
    seen = pixels_zyx[pixels_zyx > 0]
    darkest, brightest = np.percentile(seen, [1, 99.5]) * slope if seen.size else (0.0, 1.0)
    dataset.WindowCenter = decimal(round(float(darkest + brightest) / 2, 3))
    dataset.WindowWidth = decimal(max(1.0, round(float(brightest - darkest), 3)))


def _save_slice(
    series: Dataset, image: sitk.Image, pixels_yx: np.ndarray, k: int, sop_uid: str, path: Path
) -> None:
    dataset = Dataset(series)  # a shallow copy: only slice values are added
    dataset.SOPInstanceUID = sop_uid
    dataset.InstanceNumber = k + 1
    dataset.AcquisitionNumber = 1
    put_plane(dataset, image, k)
    dataset.SpacingBetweenSlices = dataset.SliceThickness
    normal = np.cross(*np.reshape([float(x) for x in dataset.ImageOrientationPatient], (2, 3)))
    position_mm = np.array(image.TransformIndexToPhysicalPoint((0, 0, k)))
    dataset.SliceLocation = decimal(round(float(normal @ position_mm), 6))
    dataset.add(DataElement(0x7FE00010, "OW", np.ascontiguousarray(pixels_yx).tobytes()))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.save_as(path, enforce_file_format=True)
