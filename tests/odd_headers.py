"""Odd words, roles, patients and objects."""

from __future__ import annotations

from copy import copy, deepcopy
from datetime import datetime, timedelta

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from orthanc import variants
from orthanc.uids import derive_uid
from orthanc.variants import Slices, put_pixels, stored_pixels
from tests.odd_kind import (
    FLAIR,
    T1,
    T1CE,
    T2,
    OddKind,
    Study,
    added,
    as_class,
    changed,
    of_series,
    put,
    tagged,
)

HOSTILE = "<script>alert(1)</script>"
OPTIONAL = (
    "ScanOptions",
    "SequenceName",
    "SequenceVariant",
    "ScanningSequence",
    "ManufacturerModelName",
    "StationName",
    "InstitutionName",
    "BodyPartExamined",
    "PatientPosition",
    "ProtocolName",
    "PositionReferenceIndicator",
    "EchoTrainLength",
    "NumberOfAverages",
    "MagneticFieldStrength",
    "SliceLocation",
    "SliceThickness",
    "SpacingBetweenSlices",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "ReferringPhysicianName",
    "AccessionNumber",
    "StudyID",
    "PatientSex",
    "PatientBirthDate",
    "StudyDescription",
    "SpecificCharacterSet",
    "AcquisitionNumber",
)


def _without_series(study: Study, *numbers: int) -> Study:
    return [one for one in study if one.get("SeriesNumber") not in numbers]


def _as_ct(slices: Slices) -> Slices:
    return as_class(slices, CTImageStorage, Modality="CT")


def _as_capture(slices: Slices) -> Slices:
    words = {"Modality": "OT", "SeriesDescription": "SCREEN SAVE", "ImageType": ["DERIVED", "SECONDARY"]}
    return as_class(slices[:2], SecondaryCaptureImageStorage, ConversionType="WSD", **words)


def _with_pdf(study: Study) -> Study:
    first = study[0]
    pdf = Dataset()
    for name in (
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyDate",
    ):
        if name in first:
            setattr(pdf, name, first[name].value)
    pdf.SOPClassUID, pdf.Modality, pdf.SeriesNumber = EncapsulatedPDFStorage, "DOC", 70
    pdf.SOPInstanceUID = derive_uid(first.StudyInstanceUID, "pdf")
    pdf.SeriesInstanceUID = derive_uid(first.StudyInstanceUID, "pdf series")
    pdf.SeriesDescription = "T1 T2 FLAIR request form"
    pdf.MIMETypeOfEncapsulatedDocument = "application/pdf"
    pdf.EncapsulatedDocument = b"%PDF-1.4\n%%EOF\n"
    pdf.file_meta = FileMetaDataset()
    pdf.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return [pdf, *study]


def _localiser_only(study: Study) -> Study:
    made = []
    for plane, orientation in enumerate(([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])):
        made += tagged(
            T1,
            ImageOrientationPatient=orientation,
            ImageType=["ORIGINAL", "PRIMARY", "M", "LOCALIZER"],
            SeriesDescription="3 PL LOC",
            ProtocolName="localizer",
        )(of_series(study, T1)[plane : plane + 1])
    return made


def _described(description: str) -> dict[str, object]:
    return {"SeriesDescription": description, "ProtocolName": None}


def _hostile(study: Study) -> Study:
    for number, words in {T1: "AX T1", T2: "AX T2", FLAIR: "AX FLAIR", T1CE: "AX T1 POST"}.items():
        study = tagged(number, SeriesDescription=f"{words} {HOSTILE}")(study)
    return tagged(
        StudyDescription=f"<b onmouseover=alert(1)>{HOSTILE}",
        PatientName=f"{HOSTILE}^'\"&amp;",
        StationName="%s{0}",
    )(study)


def _sent_as_utf8_but_called_latin(slices: Slices) -> Slices:
    for one in slices:
        one.SpecificCharacterSet = "ISO_IR 192"
        one.PatientName = "Müller^Jürgen"
        one.StudyDescription = "Schädel KM"
    return slices


def _as_mr_capture(slices: Slices) -> Slices:
    """A drawn-on picture that is filed as MR, as some workstations do."""
    words = {"Modality": "MR", "SeriesDescription": "AX T1 POST GAD", "ImageType": ["DERIVED", "SECONDARY"]}
    return as_class(slices, SecondaryCaptureImageStorage, ConversionType="WSD", **words)


def _filmed(slices: Slices, n_times: int, side: int | None = None) -> Slices:
    """Slices of T1 once for each of many moments, as one series that films the injection between FLAIR and T1CE."""
    film = []
    began = datetime.strptime(slices[0].AcquisitionTime, "%H%M%S") + timedelta(minutes=16)
    times = dict.fromkeys(("SeriesTime", "AcquisitionTime", "ContentTime"), f"{began:%H%M%S}")
    for time in range(n_times):
        for still in slices:
            one = Dataset()
            for element in still:
                one.add(copy(element))  # with the pixels shared: thousands of deep copies take a minute
            one.file_meta = deepcopy(still.file_meta)
            put(one, TemporalPositionIdentifier=time + 1, NumberOfTemporalPositions=n_times)
            put(
                one,
                InstanceNumber=len(film) + 1,
                SeriesDescription="ep2d_perf_p2",
                ProtocolName="ep2d_perf_p2",
            )
            put(one, **times)
            put(one, ScanningSequence="EP", SequenceName="*epfid2d1_64", EchoTime=30, RepetitionTime=1500)
            one.SOPInstanceUID = derive_uid(one.SOPInstanceUID, str(time))
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
            if side:
                put_pixels(one, stored_pixels(one)[:side, :side])
                one.Rows, one.Columns = side, side
            film.append(one)
    return film


def _forty_moments(slices: Slices) -> Slices:
    return _filmed(slices, 40)


def _huge(slices: Slices) -> Slices:
    return _filmed(slices[:10], 250, side=16)


def _again_with_other_pixels(study: Study) -> Study:
    """Everything a second time under the same UIDs, brighter: which of the two an archive keeps is its own affair."""
    again = deepcopy(study)
    for one in again:
        put_pixels(one, np.clip(stored_pixels(one) * 1.2, 0, 32767))
    return [*study, *again]


def _two_images_of_one_uid(slices: Slices) -> Slices:
    """A faulty sender gives two slices the same UID: an archive keeps one of them."""
    slices[5].SOPInstanceUID = slices[4].SOPInstanceUID
    slices[5].file_meta.MediaStorageSOPInstanceUID = slices[4].SOPInstanceUID
    return slices


def _charset(name: str, charset: str | list[str], patient: str) -> OddKind:
    return OddKind(
        f"name in {name}", changed(lambda slices: variants.named_in(slices, charset, patient)), "result"
    )


ODD_HEADERS: tuple[OddKind, ...] = (
    OddKind("no FLAIR", lambda study: _without_series(study, FLAIR), "reason", "FLAIR", "headers"),
    OddKind(
        "no T1 with contrast", lambda study: _without_series(study, T1CE), "reason", "contrast", "headers"
    ),
    OddKind("only a localiser", _localiser_only, "reason", "T1", "headers"),
    OddKind("a CT study", changed(_as_ct), "reason", "CT", "headers"),
    OddKind("a FLAIR of one slice", changed(lambda slices: slices[:1], FLAIR), "reason", "FLAIR", "headers"),
    OddKind(
        "a FLAIR of four slices", changed(lambda slices: slices[:4], FLAIR), "reason", "FLAIR", "headers"
    ),
    OddKind("two FLAIRs", added(FLAIR, 6, list), "result"),
    OddKind("no descriptions", tagged(**_described("")), "result"),
    OddKind("the same description on all series", tagged(**_described("AX BRAIN")), "result"),
    OddKind(
        "no timing in the header",
        tagged(RepetitionTime=None, EchoTime=None, InversionTime=None, FlipAngle=None),
        "result",
    ),
    OddKind("optional elements missing", tagged(**dict.fromkeys(OPTIONAL)), "result"),
    OddKind(
        "another frame of reference on the FLAIR", tagged(FLAIR, FrameOfReferenceUID="1.2.3.4.5"), "result"
    ),
    OddKind("no frame of reference", tagged(FrameOfReferenceUID=None), "result"),
    OddKind("a screen capture beside", added(T1CE, 99, _as_capture), "result"),
    OddKind("a PDF beside", _with_pdf, "result"),
    OddKind("a capture filed as MR beside", added(T1CE, 98, _as_mr_capture), "result"),
    OddKind(
        "a film of 40 moments beside",
        added(T1, 60, lambda slices: _filmed(slices, 40)),
        "result",
        told_by="later",
    ),
    OddKind("a series of 2,500 images beside", added(T1, 61, _huge), "result", told_by="later"),
    OddKind("the same images again with other pixels", _again_with_other_pixels, "result", told_by="later"),
    OddKind(
        "two images of one UID",
        changed(_two_images_of_one_uid, FLAIR),
        "reason",
        "is missing between",
        told_by="later",
    ),
    OddKind("sent twice", lambda study: [*study, *study], "result"),
    OddKind("empty patient ID", tagged(PatientID=""), "result"),
    OddKind("patient ID of markup", tagged(PatientID="../<i>42</i>%00"), "result"),
    OddKind("hostile text in words", _hostile, "result"),
    OddKind("no study date", tagged(StudyDate="", StudyTime="", SeriesDate=None), "result"),
    OddKind("private elements", changed(variants.with_private_tags), "result"),
    OddKind(
        "a huge private element",
        changed(lambda slices: variants.with_private_tags(slices, 2**20), T2),
        "result",
    ),
    _charset("Japanese", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    _charset("Korean", ["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    _charset("Chinese", "GB18030", "Wang^XiaoDong=王^小东"),
    _charset("Cyrillic", "ISO_IR 144", "Иванов^Иван"),
    _charset("Greek", "ISO_IR 126", "Διονυσιος"),
    _charset("Arabic", "ISO_IR 127", "قباني^لنزار"),
    _charset("Latin 1", "ISO_IR 100", "Buc^Jérôme"),
    _charset("Thai", "ISO_IR 166", "นามสกุล^ชื่อ"),
    OddKind("umlauts in UTF-8", changed(_sent_as_utf8_but_called_latin), "result"),
    OddKind(
        "a child", tagged(PatientAge="004Y", PatientBirthDate="20200110"), "result", "not validated", "later"
    ),
    OddKind(
        "a metastasis protocol",
        tagged(StudyDescription="MRI BRAIN METASTASES"),
        "result",
        "not validated",
        "later",
    ),
)
