"""Which series of a study fill the four roles, and in words why, and why not the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orthanc.roles import guess_role
from orthanc.types import NEEDED_ROLES, Role, RoleGuess, SeriesChoice, SeriesHeader
from orthanc.words import FAT_SUPPRESSED, plain

THIN_MM = 2.0
SURE = 0.7
MIN_IMAGES = 5
MIN_COVERAGE_MM = 60.0
"""A slab thinner than this does not hold a head."""

HEAD_MM = 140.0
"""What a series must cover to hold the brain in any plane; more is no merit."""

ROLE_WORDS = {
    Role.T1: "T1 without contrast",
    Role.T1CE: "T1 with contrast",
    Role.T2: "T2",
    Role.FLAIR: "FLAIR",
}


def choose_series(headers: Iterable[SeriesHeader], told: Mapping[str, Role] | None = None) -> SeriesChoice:
    """Pick the series for each role.

    Args:
        headers: all series of one study.
        told: by series UID, roles that a person decided; they beat every guess.
    """
    told = told or {}
    series = tuple(headers)
    guesses = {one.series_uid: _guess(one, told) for one in series}
    guesses = _settle_by_time(series, guesses)
    picked: dict[Role, SeriesHeader] = {}
    reasons: dict[Role, str] = {}
    passed_over = {
        one.series_uid: guesses[one.series_uid].reason
        for one in series
        if guesses[one.series_uid].role is Role.NONE
    }
    for role in NEEDED_ROLES:
        able: list[SeriesHeader] = []
        for one in series:
            if guesses[one.series_uid].role is role:
                flaw = _too_small(one)
                if flaw and one.series_uid not in told:
                    passed_over[one.series_uid] = f"{flaw}: not a whole head"
                else:
                    able.append(one)
        if not able:
            reasons[role] = _why_missing(role, series, guesses)
            continue
        picked[role], reasons[role] = _best(role, able, guesses, passed_over)
    missing = tuple(role for role in NEEDED_ROLES if role not in picked)
    return SeriesChoice(picked, reasons, missing, passed_over, guesses)


def _guess(header: SeriesHeader, told: Mapping[str, Role]) -> RoleGuess:
    if header.series_uid in told:
        return RoleGuess(told[header.series_uid], 1.0, "decided by a person")
    return guess_role(header)


def _settle_by_time(series: tuple[SeriesHeader, ...], guesses: dict[str, RoleGuess]) -> dict[str, RoleGuess]:
    """Of alike T1 series of which none stands out, the first was before contrast, the last after it."""
    settled = dict(guesses)
    t1 = sorted((one for one in series if guesses[one.series_uid].role is Role.T1), key=_time)
    t1ce = sorted((one for one in series if guesses[one.series_uid].role is Role.T1CE), key=_time)
    if not t1ce and len(t1) >= 2:
        first, last = t1[0], t1[-1]
        if _could_be_pair(first, last) and _is_undecided(guesses[last.series_uid], "no sign of contrast"):
            settled[last.series_uid] = RoleGuess(
                Role.T1CE,
                0.5,
                f"{_text(last)} came after the alike {_text(first)}, so probably after contrast",
            )
    elif not t1 and len(t1ce) >= 2:
        first, last = t1ce[0], t1ce[-1]
        if _could_be_pair(first, last) and _is_undecided(guesses[first.series_uid], ", agent "):
            settled[first.series_uid] = RoleGuess(
                Role.T1,
                0.5,
                f"{_text(first)} came before the alike {_text(last)}, so probably before contrast",
            )
    return settled


def _is_undecided(guess: RoleGuess, mark: str) -> bool:
    """Whether the guess on contrast rests on nothing better than the mark."""
    return mark in guess.reason and guess.confidence <= 0.9


def _could_be_pair(first: SeriesHeader, last: SeriesHeader) -> bool:
    alike = (first.repetition_time_ms, first.echo_time_ms, first.acquisition_type) == (
        last.repetition_time_ms,
        last.echo_time_ms,
        last.acquisition_type,
    )
    return alike and bool(_time(first)) and _time(first) < _time(last) and _extent(first) == _extent(last)


def _extent(header: SeriesHeader) -> tuple[object, ...]:
    return header.rows, header.columns, header.n_images, _step_mm(header)


@dataclass(frozen=True, slots=True)
class _Merit:
    """One thing in which a series can be better than another, and how to say so."""

    value: float
    words: str


def _merits(header: SeriesHeader, guess: RoleGuess, most_mm: float) -> tuple[_Merit, ...]:
    """In order of weight; compared one after the other."""
    step_mm = _step_mm(header)
    coverage_mm = _coverage_mm(header) or most_mm
    words = plain(header.description)
    is_corrected = not any(value.upper() == "ND" for value in header.image_type)
    return (
        _Merit(float(guess.confidence >= 1.0), "it was chosen by a person"),
        _Merit(float(guess.confidence >= SURE), "its role is surer"),
        _Merit(float(coverage_mm >= 0.8 * most_mm), "it covers more of the head"),
        _Merit(float("DERIVED" not in header.image_type[:1]), "it is as acquired"),
        _Merit(float(step_mm is not None and step_mm <= THIN_MM), "its slices are thin"),
        _Merit(float(header.acquisition_type == "3D"), "it is a 3D sequence"),
        _Merit(float(not FAT_SUPPRESSED.search(words)), "its fat is not suppressed"),
        _Merit(float(is_corrected), "its distortion is corrected"),
        _Merit(-round(step_mm or 99.0, 1), "its slices are thinner"),
        _Merit(-round(header.pixel_spacing_mm or 99.0, 1), "its pixels are finer"),
    )


def _best(
    role: Role,
    able: list[SeriesHeader],
    guesses: Mapping[str, RoleGuess],
    passed_over: dict[str, str],
) -> tuple[SeriesHeader, str]:
    most_mm = min(HEAD_MM, max((_coverage_mm(one) or 0.0) for one in able))
    merits = {one.series_uid: _merits(one, guesses[one.series_uid], most_mm) for one in able}

    def rank(one: SeriesHeader) -> tuple[object, ...]:
        return (*(merit.value for merit in merits[one.series_uid]), _time(one), one.series_number or 0)

    best = max(able, key=rank)
    others = [one for one in able if one is not best]
    for other in others:
        why = _first_difference(merits[best.series_uid], merits[other.series_uid])
        passed_over[other.series_uid] = f"{role}, but {_text(best)} was picked: {why}"
    reason = f"{_text(best)}: {guesses[best.series_uid].reason}"
    if others:
        over = " and ".join(_text(other) for other in others)
        why = _first_difference(merits[best.series_uid], merits[others[0].series_uid])
        reason = f"{_count(len(able))} {role} series: picked {_text(best)} over {over}, because {why}"
    return best, reason


def _first_difference(better: tuple[_Merit, ...], worse: tuple[_Merit, ...]) -> str:
    for ours, theirs in zip(better, worse, strict=True):
        if ours.value > theirs.value:
            return ours.words
    return "it is the latest repeat"


def _why_missing(role: Role, series: tuple[SeriesHeader, ...], guesses: Mapping[str, RoleGuess]) -> str:
    small = [one for one in series if guesses[one.series_uid].role is role]
    if small:
        return f"No {ROLE_WORDS[role]} of the whole head: {_text(small[0])} is too small."
    if not any(one.modality == "MR" for one in series):
        kinds = ", ".join(sorted({one.modality or "unknown" for one in series})) or "nothing"
        return f"No {ROLE_WORDS[role]}: the study has no MR images, only {kinds}."
    return f"No {ROLE_WORDS[role]} in this study ({len(series)} series seen)."


def _too_small(header: SeriesHeader) -> str:
    coverage_mm = _coverage_mm(header)
    if header.n_images < MIN_IMAGES:
        return f"only {header.n_images} images"
    if coverage_mm is not None and coverage_mm < MIN_COVERAGE_MM:
        return f"only {coverage_mm:.0f} mm of the head"
    return ""


def _step_mm(header: SeriesHeader) -> float | None:
    return header.spacing_between_slices_mm or header.slice_thickness_mm


def _coverage_mm(header: SeriesHeader) -> float | None:
    step_mm = _step_mm(header)
    return None if step_mm is None else header.n_images * step_mm


def _time(header: SeriesHeader) -> str:
    """Sortable time of acquisition; the series' own date and time where the image has none."""
    if header.acquisition_time and header.series_date_time:
        return header.series_date_time[:8] + header.acquisition_time
    return header.series_date_time


def _text(header: SeriesHeader) -> str:
    """For example: series 12 (176 images, 1 mm)."""
    step_mm = _step_mm(header)
    size = f"{header.n_images} images" + (f", {step_mm:.3g} mm" if step_mm else "")
    number = header.series_number if header.series_number is not None else "without number"
    return f"series {number} ({size})"


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(number, str(number))
