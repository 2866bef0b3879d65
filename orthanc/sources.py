"""What SEG and SR take from their source series, and how they are signed and dated.

Nothing here reads the clock: the same source, model and date give the same bytes, so that a result
published twice is one object.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

from orthanc.codes import PRIVATE_SCHEME
from orthanc.errors import BadResultError
from orthanc.read import read_datasets
from orthanc.slices import Slice, grid_of
from orthanc.stack import stack_of
from orthanc.types import AlgorithmInfo
from orthanc.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, MANUFACTURER, derive_uid

NEEDED_BY_WRITERS = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Type 2 elements, which anonymised studies often lack: present but empty is right for the result."""

PASSED_ON = ("IssuerOfPatientID", "StudyDescription", "InstitutionName", "TimezoneOffsetFromUTC")


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """The series that a result is drawn on: its files, and its slices along the normal."""

    datasets: tuple[Dataset, ...]
    slices: tuple[Slice, ...]

    @property
    def is_enhanced(self) -> bool:
        """Whether the series is one multi-frame object."""
        return len(self.datasets) < len(self.slices)

    def as_stored(self, array_zyx: np.ndarray) -> np.ndarray:
        """The slices of an array in the order of the source's frames, in which highdicom takes them."""
        if not self.is_enhanced:
            return array_zyx
        # highdicom takes the frames of a multi-frame source as they are stored, not as they lie.
        return array_zyx[np.argsort([one.frame for one in self.slices])]


def read_source(files: Sequence[Path]) -> SourceSeries:
    """Read the source series and fill in what the writers need.

    Raises:
        BadSeriesError: the files do not make one image.
        BadResultError: the series is made of several multi-frame objects.
    """
    return source_of(read_datasets(files))


def source_of(read: Sequence[Dataset]) -> SourceSeries:
    """The same for images that are in memory, with pixels or without.

    Raises:
        BadSeriesError: they do not make one image.
        BadResultError: they are several multi-frame objects.
    """
    slices = stack_of(list(read)).slices
    # In order along the normal and each once; an enhanced object appears at its first slice.
    datasets = tuple({id(one.dataset): one.dataset for one in slices}.values())
    if 1 < len(datasets) < len(slices):
        raise BadResultError("A result cannot be drawn on a series of several multi-frame objects.")
    step_mm = grid_of(slices)[1][2]
    for dataset in datasets:
        for name in NEEDED_BY_WRITERS:
            if name not in dataset:
                setattr(dataset, name, "")
        if "SliceThickness" not in dataset and "NumberOfFrames" not in dataset:
            dataset.SliceThickness = round(step_mm, 6)
        if isinstance(dataset.get("SpecificCharacterSet"), MultiValue):
            # highdicom knows no character sets with code extensions.
            dataset.decode()
            dataset.SpecificCharacterSet = "ISO_IR 192"
        if not dataset.get("FrameOfReferenceUID"):
            dataset.FrameOfReferenceUID = derive_uid(dataset.SeriesInstanceUID, "frame of reference")
    return SourceSeries(datasets, slices)


@contextmanager
def names_as_they_are() -> Iterator[None]:
    """Keeps highdicom from warning of patient names of one part: the name is the source's, not ours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The string .* person name", category=UserWarning)
        yield


def result_uid(source: SourceSeries, algorithm: AlgorithmInfo, result_key: str, *what: str) -> UID:
    """The UID of a part of the result that this model makes of this source."""
    images = sorted(str(dataset.SOPInstanceUID) for dataset in source.datasets)
    return derive_uid(*images, algorithm.name, algorithm.version, result_key, *what)


def fix_dimensions(made: Dataset, uid: str) -> None:
    """highdicom draws a new UID for the order of frames each time; a rerun must give the same bytes."""
    for items in (made.DimensionOrganizationSequence, made.DimensionIndexSequence):
        for item in items:
            item.DimensionOrganizationUID = uid


def sign(dataset: Dataset, like: Dataset, made_at: datetime | None) -> None:
    """Date the result (by default when the study was made) and pass on what belongs to the patient of `like`."""
    date, time = (
        (f"{made_at:%Y%m%d}", f"{made_at:%H%M%S}")
        if made_at
        else (str(like.get("StudyDate") or "19700101"), str(like.get("StudyTime") or "000000"))
    )
    for kind in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{kind}Date", date)
        setattr(dataset, f"{kind}Time", time)
    # highdicom names itself, with the time of day, as the last equipment that contributed.
    if "ContributingEquipmentSequence" in dataset:
        dataset.ContributingEquipmentSequence[-1].ContributionDateTime = date + time
    for name in PASSED_ON:
        if like.get(name) and name not in dataset:
            setattr(dataset, name, like[name].value)
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME


def name_private_codes(dataset: Dataset) -> None:
    """Say whose scheme our private codes are of (PS3.3 C.12.1.1.1)."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE_SCHEME
    scheme.CodingSchemeName = "Glioma Review private codes"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    dataset.CodingSchemeIdentificationSequence = [scheme]
