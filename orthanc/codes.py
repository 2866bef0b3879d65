"""The coded concepts of our results: segments, findings, measurements.

Values are from DICOM PS3.16 (CID 7150, 7159, 218) and the NCI Thesaurus; what no scheme has is in
our private scheme 99GLIOMA.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydicom.sr.coding import Code

from orthanc.types import MeasuredRegion

BRAIN = Code("12738006", "SCT", "Brain")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
NEOPLASM = Code("108369006", "SCT", "Neoplasm")
ENHANCING_LESION = Code("C113842", "NCIt", "Enhancing Lesion")
NON_ENHANCING_LESION = Code("C81175", "NCIt", "Non-Enhancing Lesion")
EDEMA = Code("79654002", "SCT", "Edema")

ONCOLOGY_REPORT = Code("126001", "DCM", "Oncology Measurement Report")
MR_BRAIN = Code("24590-2", "LN", "MR Brain")
VOLUME = Code("118565006", "SCT", "Volume")
VOXEL_SUMMATION = Code("YEKZ", "IBSI", "Volume from Voxel Summation")
CUBIC_CENTIMETRE = Code("cm3", "UCUM", "cubic centimeter")
"""1 cm3 is 1 mL."""
LONG_AXIS = Code("103339001", "SCT", "Long axis")
SHORT_AXIS = Code("103340004", "SCT", "Short axis")
MILLIMETRE = Code("mm", "UCUM", "millimeter")
SQUARE_MILLIMETRE = Code("mm2", "UCUM", "square millimeter")
YES = Code("373066001", "SCT", "Yes")
NO = Code("373067005", "SCT", "No")
SUMMARY = Code("121111", "DCM", "Summary")

IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
SOURCE = Code("260753009", "SCT", "Source (attribute)")
COMMENT = Code("121106", "DCM", "Comment")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")

PRIVATE_SCHEME = "99GLIOMA"
# No public scheme has the limits of a 95 % interval.
LOWER_LIMIT = Code("VOL95LOW", PRIVATE_SCHEME, "Volume, lower limit of 95 % interval")
UPPER_LIMIT = Code("VOL95HIGH", PRIVATE_SCHEME, "Volume, upper limit of 95 % interval")
# Nor the entropy of what a network says of a voxel.
# Nor RANO's product of two diameters and its test of shape, nor the parts of a lesion's volume.
BIDIMENSIONAL_PRODUCT = Code("BIDIMPROD", PRIVATE_SCHEME, "Product of perpendicular diameters")
MEASURABLE = Code("RANOMEAS", PRIVATE_SCHEME, "Measurable by RANO")
ENHANCING_VOLUME = Code("VOLENH", PRIVATE_SCHEME, "Volume of the enhancing part")
CORE_VOLUME = Code("VOLCORE", PRIVATE_SCHEME, "Volume of the core that does not enhance")
OEDEMA_VOLUME = Code("VOLOED", PRIVATE_SCHEME, "Volume of the oedema")
UNCERTAINTY = Code("VOXUNCERT", PRIVATE_SCHEME, "Uncertainty of the outline at a voxel")
NO_UNITS = Code("1", "UCUM", "no units")

REJECTED = Code("113001", "DCM", "Rejected for Quality Reasons")
TITLE_MODIFIER = Code("113011", "DCM", "Document Title Modifier")
"""Why objects are rejected (TID 2010, CID 7011)."""
INAPPROPRIATE_PROCESSING = Code("111219", "DCM", "Inappropriate image processing")
SOFTWARE_FAILURE = Code("111218", "DCM", "Software failure")
MOTION_BLUR = Code("111210", "DCM", "Motion blur")
IMAGE_ARTEFACT = Code("111207", "DCM", "Image artifact(s)")
POSITIONING = Code("111209", "DCM", "Positioning")
UNKNOWN_FAILURE = Code("111221", "DCM", "Unknown failure")

LOBES: dict[str, Code] = {
    "frontal": Code("83251001", "SCT", "Frontal lobe"),
    "parietal": Code("16630005", "SCT", "Parietal lobe"),
    "temporal": Code("78277001", "SCT", "Temporal lobe"),
    "occipital": Code("31065004", "SCT", "Occipital lobe"),
    # Two places in one word: no public scheme has that.
    "insula or deep grey matter": Code("DEEPGREY", PRIVATE_SCHEME, "Insula or deep grey matter"),
    "brainstem": Code("119238007", "SCT", "Brain Stem"),
    "cerebellum": Code("113305005", "SCT", "Cerebellum"),
}
"""Where a lesion is, in the words of the science."""
SIDES: dict[str, Code] = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "both": Code("51440002", "SCT", "Bilateral"),
}

CORE_LABEL = "Non-enhancing core / necrosis / cavity"
"""The model cannot tell necrosis, non-enhancing tumour and resection cavity apart: the label says so."""


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """One stored label as a DICOM segment; segment numbers must be 1, 2, 3 though BraTS labels are 1, 2, 4."""

    number: int
    label: int
    region: MeasuredRegion
    text: str
    type: Code


SEGMENTS = (
    SegmentKind(1, 1, MeasuredRegion.NONENHANCING_CORE, CORE_LABEL, NON_ENHANCING_LESION),
    SegmentKind(2, 2, MeasuredRegion.OEDEMA, "Peritumoral oedema", EDEMA),
    SegmentKind(3, 4, MeasuredRegion.ENHANCING_TUMOUR, "Enhancing tumour", ENHANCING_LESION),
)


class Palette(StrEnum):
    """Sets of display colours."""

    PAPER = "paper"
    SAFE = "safe"


COLOURS: dict[Palette, dict[MeasuredRegion, tuple[int, int, int]]] = {
    # As in the figures of the paper: enhancing red, core yellow, oedema blue.
    Palette.PAPER: {
        MeasuredRegion.NONENHANCING_CORE: (250, 210, 40),
        MeasuredRegion.OEDEMA: (50, 110, 235),
        MeasuredRegion.ENHANCING_TUMOUR: (225, 45, 45),
    },
    # Vermilion, yellow and sky blue of Okabe and Ito, told apart with every kind of colour blindness.
    Palette.SAFE: {
        MeasuredRegion.NONENHANCING_CORE: (240, 228, 66),
        MeasuredRegion.OEDEMA: (86, 180, 233),
        MeasuredRegion.ENHANCING_TUMOUR: (213, 94, 0),
    },
}
"""RGB, 0 to 255."""


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What a volume is of: its code, its words, and the segments that make it up."""

    text: str
    type: Code
    segment_numbers: tuple[int, ...]


FINDINGS = {
    MeasuredRegion.WHOLE_TUMOUR: FindingKind("Whole tumour", NEOPLASM, (1, 2, 3)),
    MeasuredRegion.TUMOUR_CORE: FindingKind("Tumour core", NEOPLASM, (1, 3)),
    **{one.region: FindingKind(one.text, one.type, (one.number,)) for one in SEGMENTS},
}
