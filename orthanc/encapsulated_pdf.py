"""A PDF as a DICOM object in the patient's study (PS3.3 A.45.1), for archives that show documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from orthanc.derived import new_object, reference_to
from orthanc.errors import BadResultError
from orthanc.uids import MANUFACTURER_MODEL, derive_uid

PDF_SERIES_NUMBER = 9007


def write_pdf(
    pdf: bytes,
    source_datasets: Sequence[Dataset],
    title: str,
    *,
    made_at: datetime,
    key: str = "",
    description: str = "Glioma summary (AI, research use)",
) -> Dataset:
    """The document in the study of the first source, which names the objects that it was made from.

    Args:
        source_datasets: what the document speaks of, such as the SR of each visit; pixels are not needed.
        key: tells one document of these sources from the next; the same arguments give the same bytes.

    Raises:
        BadResultError: the bytes are not a PDF, or no source is named.
    """
    if not pdf.startswith(b"%PDF-") or not source_datasets:
        raise BadResultError("A PDF and at least one source are needed.")
    like = source_datasets[0]
    uids = sorted(str(one.SOPInstanceUID) for one in source_datasets)
    made = new_object(
        like,
        EncapsulatedPDFStorage,
        sop_uid=derive_uid(*uids, "PDF", key),
        series_uid=derive_uid(*uids, "PDF series", key),
        series_number=PDF_SERIES_NUMBER,
        instance_number=1,
        modality="DOC",
        description=description,
        software=MANUFACTURER_MODEL,
        made_at=made_at,
    )
    made.ConversionType = "WSD"
    made.BurnedInAnnotation = "YES"  # the page names the patient
    made.AcquisitionDateTime = ""
    made.DocumentTitle = title
    made.ConceptNameCodeSequence = []
    made.SourceInstanceSequence = [reference_to(one) for one in source_datasets]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return made
