"""A test of a destination: a small made-up picture goes the way of a result, and is taken out of Orthanc again.

The picture is a Secondary Capture (PS3.3 A.8) of a patient who says what it is. It never becomes a study of ours:
`is_connection_test` tells it by its patient ID.
"""

from __future__ import annotations

import time

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from orthanc.client import OrthancClient
from orthanc.destinations import send_to
from orthanc.types import StudyHeader

PATIENT_ID = "GLIOMA-CONNECTION-TEST"
LIMIT_S = 30.0
SIDE = 16


def made_up_picture() -> Dataset:
    """A new picture of nobody: a ramp of greys."""
    picture = Dataset()
    picture.file_meta = FileMetaDataset()
    picture.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    picture.SOPClassUID = picture.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    picture.SOPInstanceUID = picture.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    picture.StudyInstanceUID, picture.SeriesInstanceUID = generate_uid(), generate_uid()
    picture.PatientID, picture.PatientName = PATIENT_ID, "Test^Connection"
    picture.PatientBirthDate = picture.PatientSex = ""
    picture.StudyDate, picture.StudyTime = time.strftime("%Y%m%d"), time.strftime("%H%M%S")
    picture.StudyID = picture.AccessionNumber = picture.ReferringPhysicianName = ""
    picture.StudyDescription = picture.SeriesDescription = "Connection test, may be deleted"
    picture.Modality, picture.ConversionType = "OT", "WSD"
    picture.SeriesNumber = picture.InstanceNumber = 1
    picture.Rows = picture.Columns = SIDE
    picture.SamplesPerPixel, picture.PhotometricInterpretation = 1, "MONOCHROME2"
    picture.BitsAllocated = picture.BitsStored = 8
    picture.HighBit, picture.PixelRepresentation = 7, 0
    picture.PixelData = np.arange(SIDE * SIDE, dtype=np.uint8).tobytes()
    return picture


def is_connection_test(study: StudyHeader) -> bool:
    """Whether a study is nothing but the picture of a test."""
    return study.patient_id == PATIENT_ID


def send_test(pacs: OrthancClient, destination: str, limit_s: float = LIMIT_S) -> float:
    """Send a test picture to a destination; the seconds until it was there.

    Raises:
        OrthancRefusedError: Orthanc knows no such destination.
        OrthancUnavailableError: the destination, or Orthanc, does not answer.
        DestinationRefusesError: the destination answers, but does not take the picture.
    """
    stored = pacs.store(made_up_picture())
    start = time.monotonic()
    try:
        send_to(pacs, destination, [stored.orthanc_id], limit_s)
        return time.monotonic() - start
    finally:
        pacs.delete_study(stored.study_orthanc_id)
