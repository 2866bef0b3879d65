"""What one series is to the model: T1, T1CE, T2, FLAIR or none, with the evidence in words.

Two witnesses are heard: the words of the header, which about one series in ten gets wrong (Cancers
2023;15:1820), and the timing of the pulse sequence, which physics ties to the contrast. Where they
disagree, timing is believed, and the guess says so and is less sure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from orthanc.exclusions import is_after_all_a_reformat, why_none
from orthanc.types import Role, RoleGuess, SeriesHeader
from orthanc.words import CONTRAST, NO_CONTRAST, family_in, plain

FAMILY_OF_TYPE = {"T1": Role.T1, "T2": Role.T2, "FLUID_ATTENUATED": Role.FLAIR}
"""Image Type value 3 of enhanced MR (PS3.3 C.8.13.3.1.1)."""


@dataclass(frozen=True, slots=True)
class _Witness:
    """What one witness says: the family (T1CE counts as T1) or none, and its evidence."""

    family: Role | None
    evidence: str


class Said(StrEnum):
    """What a name says of the contrast agent."""

    BEFORE = "before"
    AFTER = "after"
    NOTHING = "nothing"


def guess_role(header: SeriesHeader) -> RoleGuess:
    """What a series is, told by its own header alone."""
    excluded = why_none(header)
    if excluded:
        return RoleGuess(Role.NONE, excluded.confidence, excluded.evidence)
    family, confidence, evidence = _weigh(_by_words(header), _by_timing(header))
    if family is not Role.T1:
        return RoleGuess(family, confidence, evidence)
    return _with_or_without_contrast(header, confidence, evidence)


def guess_reformat(header: SeriesHeader) -> RoleGuess | None:
    """What a reformatted series would be if it had been acquired so; None where it is no reformat."""
    if not is_after_all_a_reformat(header):
        return None
    # Without the marks of a reformat, the words and the timing of its source are left.
    source = replace(
        header, image_type=(), description=_without_reformat(header.description), protocol_name=""
    )
    guess = guess_role(source)
    if guess.role is Role.NONE:
        return None
    return RoleGuess(
        guess.role, min(guess.confidence, 0.6), f"{guess.reason}; a reformat, its source is not here"
    )


def said_of_contrast(header: SeriesHeader) -> tuple[Said, str]:
    """What the names say of the contrast agent, and the word that says it.

    On many scanners the protocol name names the whole examination: it is read only where the
    description does not name the series.
    """
    words = plain(header.description)
    if not family_in(words) and family_in(plain(header.protocol_name)):
        words = f"{words} {plain(header.protocol_name)}"
    before, after = NO_CONTRAST.search(words), CONTRAST.search(NO_CONTRAST.sub(" ", words))
    if after and not before:
        return Said.AFTER, after.group(0).strip().replace("pluscontrast", "+C")
    if before and not after:
        return Said.BEFORE, before.group(0).strip().replace("minuscontrast", "C-")
    return Said.NOTHING, ""


def _without_reformat(text: str) -> str:
    kept = (word for word in plain(text).split() if not word.startswith(("mpr", "refor", "rfmt")))
    return " ".join(kept)


def _by_words(header: SeriesHeader) -> _Witness:
    """Description first; on some vendors' scanners the protocol names the whole examination."""
    for text in (header.description, header.protocol_name, header.sequence_name):
        family = family_in(plain(text))
        if family:
            return _Witness(family, f"'{text}'")
    for value in header.image_type[2:3]:
        if value in FAMILY_OF_TYPE:
            return _Witness(FAMILY_OF_TYPE[value], f"image type {value}")
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
    said, word = said_of_contrast(header)
    agent = header.contrast_agent
    if said is Said.AFTER:
        surer = min(0.99, confidence + (0.02 if agent else 0))
        return RoleGuess(Role.T1CE, surer, f"{evidence}, '{word}'{f', agent {agent}' if agent else ''}")
    if said is Said.BEFORE:
        doubt = f" although the header names {agent}" if agent else ""
        return RoleGuess(Role.T1, confidence - (0.15 if agent else 0), f"{evidence}, '{word}'{doubt}")
    if agent:
        return RoleGuess(Role.T1CE, min(confidence, 0.85), f"{evidence}, agent {agent}")
    return RoleGuess(Role.T1, min(confidence, 0.9), f"{evidence}, no sign of contrast")
