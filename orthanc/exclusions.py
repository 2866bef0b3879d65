"""Why a series is none of the four: what its header calls computed, and pulses that make no T1, T2 or FLAIR."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from orthanc.headers import MR_IMAGE_CLASSES
from orthanc.types import SeriesHeader
from orthanc.words import DENOISED_MP2RAGE, EXCLUDING, T1, family_in, plain

MR_CLASSES = {"", *MR_IMAGE_CLASSES}
"""Unknown, or an MR image."""

REFORMAT, PERFUSION = "a reformat", "perfusion"
KINDS_BY_TYPE = {
    "a localiser": ("LOCALIZER",),
    "an ADC map": ("ADC", "ADC UNSPECIFIED"),
    "diffusion": ("DIFFUSION", "DIFFUSION MAP", "DIFFUSION ANISO", "TRACEW", "TRACE", "FA", "CALC BVALUE"),
    PERFUSION: ("PERFUSION", "ASL", "TTP", "MTT", "CBF", "CBV", "RCBV", "RCBF", "RELCBV", "RELCBF", "TMAX"),
    "susceptibility": ("SWI", "SUSCEPTIBILITY", "T2 STAR"),
    "angiography": ("TOF", "VELOCITY MAP", "FLOW ENCODED"),
    "a phase image": ("P", "PHASE", "PHASE MAP", "I", "IMAGINARY"),
    REFORMAT: ("MPR", "REFORMATTED", "CSAMPR", "CSA MPR", "AVERAGE"),
    "a subtraction": ("SUBTRACTION", "SUB"),
    "a projection": ("PROJECTION IMAGE", "MIP", "MNIP", "MIN IP", "MAX IP", "VOLUME"),
    "the fat part of a Dixon series": ("F", "FAT"),
    "the opposed-phase part of a Dixon series": ("OPP PHASE", "OUT PHASE", "OP"),
    "a map or mask": ("T1 MAP", "T2 MAP", "T1MAP", "T2MAP", "R2 STAR MAP", "FAT FRACTION", "B1"),
    "functional imaging": ("MOSAIC", "FMRI", "T TEST"),
    "spectroscopy": ("SPEC", "SPECTROSCOPY"),
    "STIR": ("STIR",),
    "proton density": ("PROTON DENSITY",),
    "a screen capture or report": ("CSA REPORT", "SCREEN SAVE"),
}
"""Values of Image Type that name what was made; PS3.3 C.8.3.1.1.1, C.8.13.3.1.1 and vendors' habits."""

TYPE_KINDS = {value: kind for kind, values in KINDS_BY_TYPE.items() for value in values}
DYNAMIC_PHASES = 4
SCOUT_REPETITION_MS = 50.0


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a series is none of the four: the kind of series, how sure (0 to 1), and the evidence."""

    kind: str
    confidence: float
    evidence: str


def why_none(header: SeriesHeader) -> Exclusion | None:
    """Why the series is none of the four; None where it may be one."""
    return (
        _by_object(header)
        or _by_image_type(header.image_type)
        or _by_words(header)
        or _by_echo_planar(header)
        or _by_gradient_echo(header)
        or _by_repetition(header)
        or _by_timing(header)
    )


def is_after_all_a_reformat(header: SeriesHeader) -> bool:
    """Whether the series is left out for nothing but being reformatted."""
    excluded = why_none(header)
    return excluded is not None and excluded.kind == REFORMAT


def is_contrast_dynamic(header: SeriesHeader) -> bool:
    """Whether the injection is filmed by this series: DSC or DCE, but neither ASL nor a computed map."""
    excluded = why_none(header)
    words = plain(f"{header.description} {header.protocol_name} {header.sequence_name}")
    is_labelled = re.search(r"asl|non ?contrast|tgse|label", words)
    return (
        excluded is not None
        and excluded.kind == PERFUSION
        and "DERIVED" not in header.image_type[:1]
        and not is_labelled
    )


def _by_object(header: SeriesHeader) -> Exclusion | None:
    if header.is_ours:
        return Exclusion("ours", 1.0, "a result of this software")
    if header.modality != "MR":
        return Exclusion("not MR", 1.0, f"modality {header.modality or 'unknown'}, not MR")
    if header.sop_class_uid not in MR_CLASSES:
        return Exclusion("derived", 1.0, "not an MR image but a derived object")
    if header.b_value:
        return Exclusion("diffusion", 0.99, f"diffusion (b = {header.b_value:g})")
    return None


def _by_image_type(image_type: tuple[str, ...]) -> Exclusion | None:
    values = [re.sub(r"[ _]+", " ", value.upper()).strip() for value in image_type[2:]]
    if "UNI" in values and "DEN" not in values:
        return Exclusion("MP2RAGE", 0.9, "a raw part of MP2RAGE (image type UNI)")
    for value in values:
        if value in TYPE_KINDS:
            kind = TYPE_KINDS[value]
            return Exclusion(kind, 0.97, f"{kind} (image type {value})")
    return None


def _by_words(header: SeriesHeader) -> Exclusion | None:
    """Description first; the protocol name is asked where the description names no contrast."""
    texts = [header.description]
    if not family_in(plain(header.description)):
        texts.append(header.protocol_name)
    return next((found for text in texts if (found := _excluded_by_name(text))), None)


@lru_cache(maxsize=8192)
def _excluded_by_name(text: str) -> Exclusion | None:
    # A site's names are few and come again with every study.
    words = plain(text)
    for kind, pattern in EXCLUDING:
        match = pattern.search(words)
        if match and not (kind == "a part of MP2RAGE" and DENOISED_MP2RAGE.search(words)):
            return Exclusion(kind, 0.95, f"{kind} ('{match.group(0).strip()}' in '{text}')")
    return None


def _by_echo_planar(header: SeriesHeader) -> Exclusion | None:
    pulse = f"{header.scanning_sequence} {header.sequence_name}".upper()
    is_echo_planar = re.search(r"\bEP\b|EP2D|\*EP|EP_B|EPFID|EPI\b", pulse)
    if is_echo_planar and "FLAIR" not in header.description.upper():
        return Exclusion("echo-planar", 0.9, f"an echo-planar series ({pulse.strip()})")
    return None


def _by_gradient_echo(header: SeriesHeader) -> Exclusion | None:
    """Scouts, T2*-weighted, dynamic and angiographic gradient echoes, whatever they are called."""
    pulse = f"{header.scanning_sequence} {header.sequence_name}".upper()
    parts = header.scanning_sequence.upper().split("\\")
    is_gradient_echo = "GR" in parts or "GRADIENT" in pulse
    repetition_ms, echo_ms = header.repetition_time_ms or 0.0, header.echo_time_ms or 0.0
    if not is_gradient_echo or "SE" in parts:
        return None
    if echo_ms >= 12:
        return Exclusion("susceptibility", 0.85, f"susceptibility (gradient echo with TE {echo_ms:g})")
    if (header.n_temporal_positions or 1) >= DYNAMIC_PHASES:
        return Exclusion(PERFUSION, 0.9, f"perfusion ({header.n_temporal_positions} time points)")
    if header.acquisition_type == "2D" and 0 < repetition_ms <= SCOUT_REPETITION_MS:
        return Exclusion("a localiser", 0.85, f"a localiser (2D gradient echo with TR {repetition_ms:g})")
    if re.search(r"FI3D|FI2D", pulse) and not T1.search(plain(header.description)):
        return Exclusion("angiography", 0.8, f"angiography (pulse {header.sequence_name})")
    return None


def _by_repetition(header: SeriesHeader) -> Exclusion | None:
    """A scout whose header does not name its pulse: nothing but a gradient echo repeats so fast."""
    is_named = (header.scanning_sequence or header.sequence_name).strip()
    repetition_ms = header.repetition_time_ms or 0.0
    if not is_named and header.acquisition_type == "2D" and 0 < repetition_ms <= SCOUT_REPETITION_MS:
        return Exclusion("a localiser", 0.8, f"a localiser (2D with TR {repetition_ms:g})")
    return None


def _by_timing(header: SeriesHeader) -> Exclusion | None:
    repetition_ms, echo_ms = header.repetition_time_ms or 0.0, header.echo_time_ms or 0.0
    inversion_ms = header.inversion_time_ms
    if inversion_ms and 80 <= inversion_ms <= 300 and repetition_ms > 1500:
        return Exclusion("STIR", 0.85, f"STIR (TI {inversion_ms:g})")
    # An MPRAGE whose TI is not told has a shorter echo than a proton-density series.
    is_proton_density = inversion_ms is None and repetition_ms >= 1700 and 8 <= echo_ms <= 40
    if is_proton_density and not T1.search(plain(header.description)):
        return Exclusion(
            "proton density",
            0.8,
            f"proton density (TR {repetition_ms:g}, TE {echo_ms:g}, no inversion)",
        )
    return None
