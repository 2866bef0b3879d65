"""Alike T1 series of one study, of which a name, or nothing at all, tells which came after the contrast agent.

A name in a language that is not known here says nothing, or even the opposite ("u/ktr", "do kontrastu"). What holds in
every language: a protocol is run before and after the injection. None of these guesses is sure, so that the pixels are
asked.
"""

from __future__ import annotations

import re

from orthanc.acquired import plane_named, size_text, step_of_mm, time_of
from orthanc.roles import Said, said_of_contrast
from orthanc.types import Role, RoleGuess, SeriesHeader
from orthanc.words import FAT_SUPPRESSED, REPEATED, plain

PAIR_CONFIDENCE = 0.5


def settle_twins(
    t1_like: list[SeriesHeader], guesses: dict[str, RoleGuess], *, is_order_known: bool
) -> dict[str, RoleGuess]:
    """The guesses, with alike T1 series told apart by which came first.

    `is_order_known` says that the headers tell by themselves when the agent was given.
    """
    settled = dict(guesses)
    in_order = sorted((one for one in t1_like if time_of(one)), key=time_of)
    t1 = [one for one in in_order if guesses[one.series_uid].role is Role.T1]
    t1ce = [one for one in in_order if guesses[one.series_uid].role is Role.T1CE]
    if not t1ce:
        settled |= _after_the_first_pair(t1, guesses)
    elif not t1:
        settled |= _first_of_twins(t1ce)
    elif not is_order_known:
        settled |= _called_otherwise(t1)
    return settled


def _after_the_first_pair(t1: list[SeriesHeader], guesses: dict[str, RoleGuess]) -> dict[str, RoleGuess]:
    """None stands out: what repeats an earlier series, and what follows it, came after contrast."""
    pair = _first_pair(t1)
    if pair is None:
        return {}
    first, second = pair
    why = f"{size_text(second)} came after the alike {size_text(first)}, so probably after contrast"
    return {
        one.series_uid: RoleGuess(
            Role.T1CE, PAIR_CONFIDENCE, why if one is second else f"{guesses[one.series_uid].reason}; {why}"
        )
        for one in t1
        if time_of(one) >= time_of(second) and _is_silent(one)
    }


def _first_of_twins(t1ce: list[SeriesHeader]) -> dict[str, RoleGuess]:
    """All look enhanced; the first is not, if a later one is alike and the first says nothing, or other words."""
    first = t1ce[0]
    later = [
        one
        for one in t1ce[1:]
        if _could_be_pair(first, one)
        and (_is_silent(first) or (not first.contrast_agent and _other_words(first) - _other_words(one)))
    ]
    if not later:
        return {}
    why = f"{size_text(first)} came before the alike {size_text(later[-1])}, so probably before contrast"
    return {first.series_uid: RoleGuess(Role.T1, PAIR_CONFIDENCE, why)}


def _called_otherwise(t1: list[SeriesHeader]) -> dict[str, RoleGuess]:
    """A T1 that repeats an earlier one under a longer name: the words that are not known may speak of contrast."""
    found: dict[str, RoleGuess] = {}
    for place, second in enumerate(t1):
        for first in t1[:place]:
            is_new = first.series_uid not in found and _could_be_pair(first, second)
            words = _other_words(second) - _other_words(first)
            if is_new and words and _is_silent(second):
                why = (
                    f"'{' '.join(sorted(words))}' is not known here; {size_text(second)} came after "
                    f"the alike {size_text(first)}, so perhaps after contrast"
                )
                found[second.series_uid] = RoleGuess(Role.T1CE, PAIR_CONFIDENCE, why)
    return found


def _first_pair(t1: list[SeriesHeader]) -> tuple[SeriesHeader, SeriesHeader] | None:
    """The earliest series, not called a repeat, that repeats one before it (sorted by time)."""
    pairs = ((first, second) for place, second in enumerate(t1) for first in t1[:place])
    return next((pair for pair in pairs if _could_be_pair(*pair) and _is_silent(pair[1])), None)


def _is_silent(header: SeriesHeader) -> bool:
    """Whether the name says nothing of contrast, nor of being a repeat."""
    return said_of_contrast(header)[0] is Said.NOTHING and not REPEATED.search(plain(header.description))


def _other_words(header: SeriesHeader) -> set[str]:
    """The words of the description but for planes, numbers, fat suppression, and that it is a repeat."""
    words = FAT_SUPPRESSED.sub(" ", REPEATED.sub(" ", plain(header.description)))
    in_other_scripts = {word for word in re.findall(r"[^\W\d_]+", header.description) if not plain(word)}
    return in_other_scripts | {word for word in words.split() if not plane_named(word) and not word.isdigit()}


def _could_be_pair(first: SeriesHeader, last: SeriesHeader) -> bool:
    return _likeness(first) == _likeness(last) and bool(time_of(first)) and time_of(first) < time_of(last)


def _likeness(header: SeriesHeader) -> tuple[object, ...]:
    """What a protocol that is run twice keeps: timing and grid, and the plane that the name tells."""
    return (
        header.repetition_time_ms,
        header.echo_time_ms,
        header.acquisition_type,
        header.rows,
        header.columns,
        header.n_images,
        step_of_mm(header),
        plane_named(plain(header.description)),
    )
