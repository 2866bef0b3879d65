"""The start of an object that is written by hand: whose it is, which study it belongs to, and who made it."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from orthanc.sources import NEEDED_BY_WRITERS, sign
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL

CHARACTER_SET = "ISO_IR 192"


def new_object(
    like: Dataset,
    sop_class_uid: UID,
    *,
    sop_uid: UID,
    series_uid: UID,
    series_number: int,
    instance_number: int,
    modality: str,
    description: str,
    software: str,
    made_at: datetime | None,
) -> Dataset:
    """An object without content in the study and of the patient of `like` (patient, study, series, equipment)."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = sop_class_uid
    made.file_meta.MediaStorageSOPInstanceUID = sop_uid
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = CHARACTER_SET
    made.SOPClassUID, made.SOPInstanceUID = sop_class_uid, sop_uid
    for name in NEEDED_BY_WRITERS:
        # As text, so that a name in another character set is written in ours.
        setattr(made, name, str(like.get(name) or ""))
    made.StudyInstanceUID = like.StudyInstanceUID
    made.SeriesInstanceUID = series_uid
    made.Modality = modality
    made.SeriesNumber, made.InstanceNumber = series_number, instance_number
    made.SeriesDescription = description[:64]
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MANUFACTURER_MODEL
    made.SoftwareVersions, made.DeviceSerialNumber = software, "1"
    sign(made, like, made_at)
    return made


def reference_to(source: Dataset) -> Dataset:
    """An item that names an object by class and UID (PS3.3 10.8)."""
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    return reference
