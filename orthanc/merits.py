"""In what one series of a role is better than another, and how to say so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orthanc.acquired import plane_named, step_of_mm
from orthanc.roles import Said, said_of_contrast
from orthanc.types import Role, RoleGuess, SeriesHeader
from orthanc.words import FAT_SUPPRESSED, plain

THIN_MM = 2.0
SURE = 0.7


@dataclass(frozen=True, slots=True)
class Merit:
    """One thing in which a series can be better than another, and how to say so."""

    value: float
    words: str


def merits(header: SeriesHeader, guess: RoleGuess, most_mm: float) -> tuple[Merit, ...]:
    """In order of weight; compared one after the other. `most_mm` is what the widest rival covers."""
    step_mm = step_of_mm(header)
    covered_mm = coverage_mm(header) or most_mm
    words = plain(header.description)
    is_t1 = guess.role in (Role.T1, Role.T1CE)
    return (
        Merit(float(guess.confidence >= 1.0), "it was chosen by a person"),
        Merit(float(guess.confidence >= SURE), "its role is surer"),
        Merit(float(covered_mm >= 0.8 * most_mm), "it covers more of the head"),
        Merit(float("DERIVED" not in header.image_type[:1]), "it is as acquired"),
        Merit(float(step_mm is not None and step_mm <= THIN_MM), "its slices are thin"),
        Merit(float(header.acquisition_type == "3D"), "it is a 3D sequence"),
        Merit(float(not is_t1 or _is_inversion_prepared(header)), "it is an MPRAGE or its like"),
        Merit(float(not FAT_SUPPRESSED.search(words)), "its fat is not suppressed"),
        Merit(float(_is_corrected(header)), "its distortion is corrected, its noise filtered"),
        Merit(float((step_mm or 99.0) <= THIN_MM or plane(header) in ("", "axial")), "its slices are axial"),
        Merit(-round(step_mm or 99.0, 1), "its slices are thinner"),
        Merit(-round(header.pixel_spacing_mm or 99.0, 1), "its pixels are finer"),
        Merit(float(guess.role is not Role.FLAIR or not _has_contrast(header)), "it is from before contrast"),
    )


def first_difference(better: tuple[Merit, ...], worse: tuple[Merit, ...]) -> str:
    """In what the one is better first; alike series differ in their time."""
    for ours, theirs in zip(better, worse, strict=True):
        if ours.value > theirs.value:
            return ours.words
    return "it is the latest repeat"


def coverage_mm(header: SeriesHeader) -> float | None:
    """How much of the head the slices cover together."""
    step_mm = step_of_mm(header)
    return None if step_mm is None else header.n_images * step_mm


def plane(header: SeriesHeader) -> str:
    """Axial, sagittal or coronal, by orientation or else by name; "" where neither tells."""
    if len(header.orientation) == 6:
        (a, b, c), (d, e, f) = header.orientation[:3], header.orientation[3:]
        normal = {"sagittal": b * f - c * e, "coronal": c * d - a * f, "axial": a * e - b * d}
        return max(normal, key=lambda name: abs(normal[name]))
    return plane_named(plain(header.description))


def _is_inversion_prepared(header: SeriesHeader) -> bool:
    named = re.search(
        r"mp ?\w?rage|mpr\b|bravo|tfe|fspgr|tfl", plain(f"{header.description} {header.sequence_name}")
    )
    return bool(named) or "IR" in header.scanning_sequence.split("\\") or bool(header.inversion_time_ms)


def _has_contrast(header: SeriesHeader) -> bool:
    return bool(header.contrast_agent) or said_of_contrast(header)[0] is Said.AFTER


def _is_corrected(header: SeriesHeader) -> bool:
    """Siemens marks what is not corrected for distortion with ND, GE what is not filtered with ORIG."""
    is_raw = plain(header.description).startswith("orig ")
    return not is_raw and not any(value.upper() == "ND" for value in header.image_type)
