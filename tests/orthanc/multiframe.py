"""An enhanced MR object made of a classic series, as newer scanners send it."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

from orthanc.uids import derive_uid

PATIENT_AND_STUDY = [
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
]


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
    for name in PATIENT_AND_STUDY:
        if name in first:
            setattr(enhanced, name, first[name].value)
    enhanced.SOPClassUID = EnhancedMRImageStorage
    enhanced.SOPInstanceUID = derive_uid(first.SeriesInstanceUID, "enhanced")
    enhanced.InstanceNumber = 1
    enhanced.NumberOfFrames = len(frames)
    enhanced.AcquisitionDateTime = first.AcquisitionDate + first.AcquisitionTime
    enhanced.SharedFunctionalGroupsSequence = _item(
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
    enhanced.PerFrameFunctionalGroupsSequence = Items(
        _item(
            PlanePositionSequence=_item(ImagePositionPatient=one.ImagePositionPatient),
            FrameContentSequence=_item(
                DimensionIndexValues=[number], StackID="1", InStackPositionNumber=number
            ),
            PixelValueTransformationSequence=_item(
                RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="US"
            ),
        )[0]
        for number, one in enumerate(frames, start=1)
    )
    organization = derive_uid(first.SeriesInstanceUID, "dimensions")
    enhanced.DimensionOrganizationSequence = _item(DimensionOrganizationUID=organization)
    enhanced.DimensionIndexSequence = _item(
        DimensionOrganizationUID=organization,
        DimensionIndexPointer=0x00209057,
        FunctionalGroupPointer=0x00209111,
    )
    enhanced.PixelData = b"".join(one.PixelData for one in frames)
    enhanced["PixelData"].VR = "OW"
    enhanced.file_meta = FileMetaDataset()
    enhanced.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return enhanced
