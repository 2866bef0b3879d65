"""Odd words, roles, patients and objects."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from orthanc import variants
from orthanc.uids import derive_uid
from orthanc.variants import Slices
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
