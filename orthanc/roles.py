"""What one series is to the model: T1, T1CE, T2, FLAIR or none, with the evidence in words.

Two witnesses are heard: the words of the header, which about one series in ten gets wrong (Cancers
2023;15:1820), and the timing of the pulse sequence, which physics ties to the contrast. Where they
disagree, timing is believed, and the guess says so and is less sure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orthanc.types import Role, RoleGuess, SeriesHeader
from orthanc.words import CONTRAST, EXCLUDING, FLAIR, NO_CONTRAST, T1, T2, plain

MR_CLASSES = {
    "": "unknown",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "legacy converted enhanced MR",
}
DERIVED_KINDS = {
    "ADC": "an ADC map",
    "MPR": "a reformat",
    "REFORMATTED": "a reformat",
    "SUBTRACTION": "a subtraction",
    "SUB": "a subtraction",
    "PROJECTION IMAGE": "a projection",
    "MIP": "a projection",
    "MNIP": "a projection",
    "MIN IP": "a projection",
    "LOCALIZER": "a localiser",
    "PERFUSION": "perfusion",
    "DIFFUSION": "diffusion",
    "TRACEW": "diffusion",
    "FA": "diffusion",
    "ASL": "perfusion",
    "TTP": "perfusion",
    "RCBV": "perfusion",
    "RCBF": "perfusion",
    "SWI": "susceptibility",
    "P": "a phase image",
    "T1 MAP": "a map or mask",
    "T2 MAP": "a map or mask",
    "CSA REPORT": "a screen capture or report",
    "SCREEN SAVE": "a screen capture or report",
}
"""Values of Image Type that name what was computed; PS3.3 C.8.3.1.1.1 and vendors' habits."""


@dataclass(frozen=True, slots=True)
class _Witness:
    """What one witness says: the family (T1CE counts as T1) or none, and its evidence."""

    family: Role | None
    evidence: str


def guess_role(header: SeriesHeader) -> RoleGuess:
    """What a series is, told by its own header alone."""
    excluded = _why_none(header)
    if excluded:
        return RoleGuess(Role.NONE, *excluded)
    words, timing = _by_words(header), _by_timing(header)
    family, confidence, evidence = _weigh(words, timing)
    if family is not Role.T1:
        return RoleGuess(family, confidence, evidence)
    return _with_or_without_contrast(header, confidence, evidence)


def _why_none(header: SeriesHeader) -> tuple[float, str] | None:
    """Confidence and reason why the series is none of the four; None if it may be one."""
    if header.is_ours:
        return 1.0, "a result of this software"
    if header.modality != "MR":
        return 1.0, f"modality {header.modality or 'unknown'}, not MR"
    if header.sop_class_uid not in MR_CLASSES:
        return 1.0, "not an MR image but a derived object"
    if header.b_value:
        return 0.99, f"diffusion (b = {header.b_value:g})"
    by_type = _by_image_type(header.image_type)
    if by_type:
        return 0.97, by_type
    by_word = _excluding_word(header.description) or (
        _excluding_word(header.protocol_name) if not _family_in(plain(header.description)) else None
    )
    return (0.95, by_word) if by_word else _by_pulse(header)


def _by_image_type(image_type: tuple[str, ...]) -> str:
    for value in image_type[2:]:
        kind = DERIVED_KINDS.get(value.upper().replace("_", " ").strip(), "")
        if kind:
            return f"{kind} (image type {value})"
    return ""


def _excluding_word(text: str) -> str | None:
    words = plain(text)
    for kind, pattern in EXCLUDING:
        match = pattern.search(words)
        if match:
            return f"{kind} ('{match.group(0).strip()}' in '{text}')"
    return None


def _by_pulse(header: SeriesHeader) -> tuple[float, str] | None:
    """Echo-planar and T2*-weighted gradient-echo series, whatever they are called."""
    pulse = f"{header.scanning_sequence} {header.sequence_name}".upper()
    echo_ms, repetition_ms = header.echo_time_ms, header.repetition_time_ms
    if re.search(r"\bEP\b|EP2D|\*EP|EP_B|EPFID", pulse) and "FLAIR" not in header.description.upper():
        return 0.9, f"an echo-planar series ({pulse.strip()})"
    is_gradient_echo = "GR" in pulse.split("\\")[0].split() or "GRADIENT" in pulse or pulse.startswith("GR")
    if is_gradient_echo and "SE" not in pulse.split() and echo_ms is not None and echo_ms >= 12:
        return 0.85, f"susceptibility (gradient echo with TE {echo_ms:g})"
    if re.search(r"FI3D|FI2D", pulse) and not T1.search(plain(header.description)):
        return 0.8, f"angiography (pulse {header.sequence_name})"
    if _is_proton_density(header):
        return 0.8, f"proton density (TR {repetition_ms:g}, TE {echo_ms:g}, no inversion)"
    if header.inversion_time_ms and 80 <= header.inversion_time_ms <= 300 and (repetition_ms or 0) > 1500:
        return 0.85, f"STIR (TI {header.inversion_time_ms:g})"
    return None


def _is_proton_density(header: SeriesHeader) -> bool:
    """Long repetition, short echo, no inversion; an MPRAGE whose TI is not told has a shorter echo."""
    return (
        header.inversion_time_ms is None
        and (header.repetition_time_ms or 0) >= 1700
        and 8 <= (header.echo_time_ms or 0) <= 40
        and not T1.search(plain(header.description))
    )


def _family_in(words: str) -> Role | None:
    """The one family that the words name: "t1 flair" is a T1, "t2 flair" a FLAIR."""
    if FLAIR.search(words):
        return Role.T1 if re.search(r"\bt1\w* ?(\w+ )?flair|flair ?t1|t1flair", words) else Role.FLAIR
    is_t1, is_t2 = bool(T1.search(words)), bool(T2.search(words))
    if is_t1 and is_t2:
        return None
    return Role.T1 if is_t1 else Role.T2 if is_t2 else None


def _by_words(header: SeriesHeader) -> _Witness:
    """Description first; on some vendors' scanners the protocol names the whole examination."""
    for text in (header.description, header.protocol_name, header.sequence_name):
        family = _family_in(plain(text))
        if family:
            return _Witness(family, f"'{text}'")
    return _Witness(None, f"'{header.description}'" if header.description else "no description")


def _by_timing(header: SeriesHeader) -> _Witness:
    """The contrast that repetition, echo and inversion time give (all in milliseconds)."""
    repetition, echo = header.repetition_time_ms, header.echo_time_ms
    inversion = header.inversion_time_ms or 0.0
    facts = ", ".join(
        f"{name} {value:g}" for name, value in (("TI", inversion), ("TR", repetition), ("TE", echo)) if value
    )
    if repetition is None or echo is None or repetition <= 0:
        return _Witness(None, facts)
    return _Witness(_family_of_times(repetition, echo, inversion), facts)


def _family_of_times(repetition: float, echo: float, inversion: float) -> Role | None:
    is_late_echo = echo >= 55
    if inversion >= 1400 and is_late_echo and repetition >= 3500:
        return Role.FLAIR
    if is_late_echo and repetition >= 1700:
        # Without TI in the header a FLAIR looks like this too, but for its longer repetition.
        return Role.T2 if inversion == 0 and (repetition < 7000 or echo < 75) else None
    if echo <= 35 and repetition <= 1300:
        return Role.T1
    if echo <= 40 and 300 < inversion <= 1400:
        return Role.T1
    return None


def _weigh(words: _Witness, timing: _Witness) -> tuple[Role, float, str]:
    evidence = ", ".join(part for part in (timing.evidence, words.evidence) if part)
    if words.family is None and timing.family is None:
        return Role.NONE, 0.6, f"neither words nor timing tell ({evidence})"
    if words.family is timing.family and words.family is not None:
        return words.family, 0.97, evidence
    if timing.family is None:
        return words.family or Role.NONE, 0.85, evidence
    if words.family is None:
        return timing.family, 0.75, evidence
    if words.family is Role.FLAIR and timing.family is Role.T2:
        # A missing TI makes a FLAIR look like a T2: no disagreement.
        return Role.FLAIR, 0.85, f"{evidence} (no TI in the header)"
    return timing.family, 0.55, f"{evidence}; called {words.family} but timed as {timing.family}"


def _with_or_without_contrast(header: SeriesHeader, confidence: float, evidence: str) -> RoleGuess:
    words = plain(header.description)
    if not _family_in(words) and _family_in(plain(header.protocol_name)):
        words = f"{words} {plain(header.protocol_name)}"
    before, after = NO_CONTRAST.search(words), CONTRAST.search(NO_CONTRAST.sub(" ", words))
    agent = header.contrast_agent
    if after and not before:
        said = f"'{after.group(0).strip().replace('pluscontrast', '+C')}'"
        with_agent = f", agent {agent}" if agent else ""
        return RoleGuess(
            Role.T1CE, min(0.99, confidence + (0.02 if agent else 0)), f"{evidence}, {said}{with_agent}"
        )
    if before and not after:
        said = before.group(0).strip().replace("minuscontrast", "C-")
        doubt = f" although the header names {agent}" if agent else ""
        return RoleGuess(Role.T1, confidence - (0.15 if agent else 0), f"{evidence}, '{said}'{doubt}")
    if agent:
        return RoleGuess(Role.T1CE, min(confidence, 0.85), f"{evidence}, agent {agent}")
    return RoleGuess(Role.T1, min(confidence, 0.9), f"{evidence}, no sign of contrast")
