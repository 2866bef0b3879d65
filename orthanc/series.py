"""Which series of a study fill the four roles, and in words why, and why not the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orthanc.acquired import size_text, time_of
from orthanc.contrast import settle_contrast
from orthanc.merits import coverage_mm, first_difference, merits
from orthanc.roles import guess_reformat, guess_role
from orthanc.types import NEEDED_ROLES, Role, RoleGuess, SeriesChoice, SeriesHeader

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


def choose_series(
    headers: Iterable[SeriesHeader],
    told: Mapping[str, Role] | None = None,
    seen: Mapping[str, RoleGuess] | None = None,
) -> SeriesChoice:
    """Pick the series for each role.

    Args:
        headers: all series of one study.
        told: by series UID, roles that a person decided; they beat every guess.
        seen: by series UID, what the pixels say (`content.look_at`); they beat the header.
    """
    series, told = tuple(headers), told or {}
    guesses = settle_contrast(series, {one.series_uid: guess_role(one) for one in series})
    decided = {uid: RoleGuess(role, 1.0, "decided by a person") for uid, role in told.items()}
    choice = _choose(series, {**guesses, **(seen or {}), **decided}, told)
    stand_ins = _stand_ins(series, choice, told)
    return _choose(series, {**choice.guesses, **stand_ins}, told) if stand_ins else choice


def _choose(
    series: tuple[SeriesHeader, ...], guesses: dict[str, RoleGuess], told: Mapping[str, Role]
) -> SeriesChoice:
    guesses = {one.series_uid: guesses[one.series_uid] for one in series}
    picked: dict[Role, SeriesHeader] = {}
    reasons: dict[Role, str] = {}
    passed_over = {uid: guess.reason for uid, guess in guesses.items() if guess.role is Role.NONE}
    for role in NEEDED_ROLES:
        able: list[SeriesHeader] = []
        for one in series:
            if guesses[one.series_uid].role is role:
                flaw = _too_small(one)
                if flaw and one.series_uid not in told:
                    passed_over[one.series_uid] = f"{flaw}: not a whole head"
                else:
                    able.append(one)
        if able:
            picked[role], reasons[role] = _best(role, able, guesses, passed_over)
        else:
            reasons[role] = _why_missing(role, series, guesses)
    missing = tuple(role for role in NEEDED_ROLES if role not in picked)
    return SeriesChoice(picked, reasons, missing, passed_over, guesses)


def _stand_ins(
    series: tuple[SeriesHeader, ...], choice: SeriesChoice, told: Mapping[str, Role]
) -> dict[str, RoleGuess]:
    """Reformatted series that fill a missing role: their source was never sent."""
    if choice.is_complete:
        return {}
    guesses = {one.series_uid: guess_reformat(one) for one in series if one.series_uid not in told}
    reformats = {uid: guess for uid, guess in guesses.items() if guess is not None}
    settled = settle_contrast(series, {**choice.guesses, **reformats})
    return {uid: settled[uid] for uid in reformats if settled[uid].role in choice.missing}


def _best(
    role: Role,
    able: list[SeriesHeader],
    guesses: Mapping[str, RoleGuess],
    passed_over: dict[str, str],
) -> tuple[SeriesHeader, str]:
    most_mm = min(HEAD_MM, max((coverage_mm(one) or 0.0) for one in able))
    ranked = {one.series_uid: merits(one, guesses[one.series_uid], most_mm) for one in able}

    def rank(one: SeriesHeader) -> tuple[object, ...]:
        return (*(merit.value for merit in ranked[one.series_uid]), time_of(one), one.series_number or 0)

    best = max(able, key=rank)
    others = [one for one in able if one is not best]
    for other in others:
        why = first_difference(ranked[best.series_uid], ranked[other.series_uid])
        passed_over[other.series_uid] = f"{role}, but {size_text(best)} was picked: {why}"
    reason = f"{size_text(best)}: {guesses[best.series_uid].reason}"
    if others:
        over = " and ".join(size_text(other) for other in others)
        why = first_difference(ranked[best.series_uid], ranked[others[0].series_uid])
        reason = f"{_count(len(able))} {role} series: picked {size_text(best)} over {over}, because {why}"
    return best, reason


def _why_missing(role: Role, series: tuple[SeriesHeader, ...], guesses: Mapping[str, RoleGuess]) -> str:
    small = [one for one in series if guesses[one.series_uid].role is role]
    if small:
        return f"No {ROLE_WORDS[role]} of the whole head: {size_text(small[0])} is too small."
    if not any(one.modality == "MR" for one in series):
        kinds = ", ".join(sorted({one.modality or "unknown" for one in series})) or "nothing"
        return f"No {ROLE_WORDS[role]}: the study has no MR images, only {kinds}."
    return f"No {ROLE_WORDS[role]} in this study ({len(series)} series seen)."


def _too_small(header: SeriesHeader) -> str:
    covered_mm = coverage_mm(header)
    if header.n_images < MIN_IMAGES:
        return f"only {header.n_images} images"
    if covered_mm is not None and covered_mm < MIN_COVERAGE_MM:
        return f"only {covered_mm:.0f} mm of the head"
    return ""


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(number, str(number))
