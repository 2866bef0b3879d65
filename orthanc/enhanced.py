"""An enhanced MR object (PS3.3 A.36) made of a classic series, as newer scanners send it."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

from orthanc.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, derive_uid

KEPT = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "SeriesDate",
    "SeriesTime",
    "Modality",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Manufacturer",
    "ImageType",
    "IssuerOfPatientID",
    "StudyDescription",
    "MRAcquisitionType",
    "SpecificCharacterSet",
    "ManufacturerModelName",
    "InstitutionName",
    "StationName",
    "BodyPartExamined",
    "PatientPosition",
    "ProtocolName",
    "PatientAge",
    "MagneticFieldStrength",
)
"""What means the same in both and stays at the top."""


def _item(**values: object) -> Items:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return Items([dataset])


def enhanced_of(slices: Sequence[Dataset]) -> Dataset:
    """One Enhanced MR object with the slices as frames, stored in an order that is not that of space."""
    first = slices[0]
    frames = [*slices[1::2], *slices[::2]]
    enhanced = Dataset()
    for name in KEPT:
        if name in first:
            setattr(enhanced, name, first[name].value)
    enhanced.SOPClassUID = EnhancedMRImageStorage
    enhanced.SOPInstanceUID = derive_uid(first.SeriesInstanceUID, "enhanced")
    enhanced.InstanceNumber = 1
    enhanced.NumberOfFrames = len(frames)
    enhanced.AcquisitionDateTime = first.AcquisitionDate + first.AcquisitionTime
    _add_sequence(enhanced, first)
    enhanced.SharedFunctionalGroupsSequence = _shared(first)
    enhanced.PerFrameFunctionalGroupsSequence = Items(
        _own(one, number) for number, one in enumerate(frames, start=1)
    )
    _add_dimensions(enhanced, derive_uid(first.SeriesInstanceUID, "dimensions"))
    enhanced.PixelData = b"".join(one.PixelData for one in frames)
    enhanced["PixelData"].VR = "OW"
    enhanced.file_meta = FileMetaDataset()
    enhanced.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    enhanced.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    enhanced.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return enhanced


def _add_sequence(enhanced: Dataset, first: Dataset) -> None:
    """Pulse and contrast, which have other names or places than in classic MR (PS3.3 C.8.13.4, C.7.6.4b)."""
    if first.get("SequenceName"):
        enhanced.PulseSequenceName = first.SequenceName
    is_gradient = first.get("ScanningSequence") == "GR"
    enhanced.EchoPulseSequence = "GRADIENT" if is_gradient else "SPIN"
    if first.get("ContrastBolusAgent"):
        enhanced.ContrastBolusAgentSequence = _item(
            CodeValue="C-17800", CodingSchemeDesignator="SRT", CodeMeaning=first.ContrastBolusAgent
        )


def _shared(first: Dataset) -> Items:
    shared = _item(
        PlaneOrientationSequence=_item(ImageOrientationPatient=first.ImageOrientationPatient),
        PixelMeasuresSequence=_item(
            PixelSpacing=first.PixelSpacing,
            SliceThickness=first.SliceThickness,
            SpacingBetweenSlices=first.SpacingBetweenSlices,
        ),
        MRTimingAndRelatedParametersSequence=_item(
            RepetitionTime=first.RepetitionTime, FlipAngle=first.FlipAngle
        ),
        MREchoSequence=_item(EffectiveEchoTime=float(first.EchoTime)),
    )
    if first.get("InversionTime"):
        shared[0].MRModifierSequence = _item(
            InversionRecovery="YES", InversionTimes=[float(first.InversionTime)]
        )
    return shared


def _own(one: Dataset, number: int) -> Dataset:
    return _item(
        PlanePositionSequence=_item(ImagePositionPatient=one.ImagePositionPatient),
        FrameContentSequence=_item(DimensionIndexValues=[number], StackID="1", InStackPositionNumber=number),
        PixelValueTransformationSequence=_item(
            RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="US"
        ),
    )[0]


def _add_dimensions(enhanced: Dataset, organization: str) -> None:
    enhanced.DimensionOrganizationSequence = _item(DimensionOrganizationUID=organization)
    enhanced.DimensionIndexSequence = _item(
        DimensionOrganizationUID=organization,
        DimensionIndexPointer=0x00209057,
        FunctionalGroupPointer=0x00209111,
    )
