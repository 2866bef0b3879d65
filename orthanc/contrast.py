"""Which T1 series of a study came after the contrast agent: all series of the study are heard together.

A header alone often misleads: the agent entered once stays in every later header, or in all of them;
a protocol run twice keeps its name. What no header can change is the order of time: once the agent is
given, every later T1 shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orthanc.exclusions import is_contrast_dynamic
from orthanc.roles import Said, said_of_contrast
from orthanc.types import Role, RoleGuess, SeriesHeader
from orthanc.words import REPEATED, plain

PAIR_CONFIDENCE = 0.5
ORDER_CONFIDENCE = 0.8
DOUBT_CONFIDENCE = 0.55

Guesses = Mapping[str, RoleGuess]


@dataclass(frozen=True, slots=True)
class Injection:
    """When the agent was given at the latest (sortable time), how that is known, and by whose agent field.

    `is_stated` says that the header gives the time of the injection itself.
    `is_agent_telling` says that series from before lack the agent, so that its presence means something.
    """

    time: str
    evidence: str
    is_stated: bool
    is_agent_telling: bool


def settle_contrast(series: tuple[SeriesHeader, ...], guesses: Guesses) -> dict[str, RoleGuess]:
    """The guesses, with T1 and T1CE told apart by the order of all series in time."""
    settled = dict(guesses)
    t1_like = [one for one in series if guesses[one.series_uid].role in (Role.T1, Role.T1CE)]
    injection = _injection(series, t1_like)
    if injection:
        for one in t1_like:
            settled[one.series_uid] = _by_order(one, guesses[one.series_uid], injection)
    return _settle_pairs(t1_like, settled)


def time_of(header: SeriesHeader) -> str:
    """Sortable time of acquisition; the series' own date and time where the image has none."""
    if header.acquisition_time and header.series_date_time:
        return header.series_date_time[:8] + header.acquisition_time
    return header.series_date_time


def size_text(header: SeriesHeader) -> str:
    """For example: series 12 (176 images, 1 mm)."""
    step_mm = step_of_mm(header)
    size = f"{header.n_images} images" + (f", {step_mm:.3g} mm" if step_mm else "")
    return f"{_number_text(header)} ({size})"


def step_of_mm(header: SeriesHeader) -> float | None:
    """Distance between slices, else their thickness."""
    return header.spacing_between_slices_mm or header.slice_thickness_mm


def _number_text(header: SeriesHeader) -> str:
    return f"series {header.series_number if header.series_number is not None else 'without number'}"


def _injection(series: tuple[SeriesHeader, ...], t1_like: list[SeriesHeader]) -> Injection | None:
    acquired = sorted((one for one in series if one.modality == "MR" and time_of(one)), key=time_of)
    telling = _first_with_agent(acquired)
    stated = min((_stated_time(one) for one in acquired if one.contrast_time), default="")
    if stated:
        evidence = f"contrast was given at {stated[8:10]}:{stated[10:12]}"
        return Injection(stated, evidence, True, telling is not None)
    witnesses: list[tuple[str, str]] = []
    dynamic = next((one for one in acquired if is_contrast_dynamic(one)), None)
    if dynamic:
        witnesses.append((time_of(dynamic), f"the perfusion {_number_text(dynamic)} filmed the injection"))
    called = next(
        (one for one in sorted(t1_like, key=time_of) if said_of_contrast(one)[0] is Said.AFTER), None
    )
    if called and time_of(called):
        witnesses.append((time_of(called), f"{_number_text(called)} is called after contrast"))
    if telling:
        witnesses.append((time_of(telling), f"{_number_text(telling)} is the first with an agent"))
    if not witnesses:
        return None
    return Injection(*min(witnesses), is_stated=False, is_agent_telling=telling is not None)


def _stated_time(header: SeriesHeader) -> str:
    return time_of(header)[:8] + header.contrast_time.replace(":", "")


def _first_with_agent(acquired: list[SeriesHeader]) -> SeriesHeader | None:
    """The first series that names an agent, if one before it, of the four kinds or a perfusion, does not."""
    first = next((one for one in acquired if one.contrast_agent), None)
    if first is None:
        return None
    # A localiser never carries the agent, so it cannot show that the field is used with care.
    before = [one for one in acquired if time_of(one) < time_of(first) and one.n_images > 20]
    return first if before else None


def _by_order(header: SeriesHeader, guess: RoleGuess, injection: Injection) -> RoleGuess:
    if not time_of(header):
        return guess
    said, word = said_of_contrast(header)
    why = f"{guess.reason.removesuffix(', no sign of contrast')}; {injection.evidence}"
    if said is Said.NOTHING:
        return _silent_by_order(header, guess, injection, why)
    is_after, has_agent = time_of(header) >= injection.time, bool(header.contrast_agent)
    if said is Said.AFTER and not is_after and injection.is_stated and not has_agent:
        return RoleGuess(Role.T1, DOUBT_CONFIDENCE, f"{why}, after this series, although called '{word}'")
    if said is Said.BEFORE and is_after and has_agent and injection.is_agent_telling:
        return RoleGuess(Role.T1CE, DOUBT_CONFIDENCE + 0.15, f"{why}, this one too, although called '{word}'")
    return guess


def _silent_by_order(header: SeriesHeader, guess: RoleGuess, injection: Injection, why: str) -> RoleGuess:
    """A series whose name says nothing of contrast."""
    if time_of(header) >= injection.time:
        order = "" if time_of(header) == injection.time else ", before this series"
        is_twice_told = guess.role is Role.T1CE
        confidence = max(guess.confidence, ORDER_CONFIDENCE) if is_twice_told else ORDER_CONFIDENCE
        return RoleGuess(Role.T1CE, min(0.97, confidence), why + order)
    if guess.role is Role.T1CE:
        return RoleGuess(Role.T1, ORDER_CONFIDENCE, f"{why}, after this series")
    return guess


def _settle_pairs(t1_like: list[SeriesHeader], guesses: dict[str, RoleGuess]) -> dict[str, RoleGuess]:
    """Of alike T1 series of which none stands out, the first was before contrast, the last after it."""
    settled = dict(guesses)
    t1 = sorted((one for one in t1_like if guesses[one.series_uid].role is Role.T1), key=time_of)
    t1ce = sorted((one for one in t1_like if guesses[one.series_uid].role is Role.T1CE), key=time_of)
    if not t1ce and (pair := _first_pair(t1)):
        first, second = pair
        why = f"{size_text(second)} came after the alike {size_text(first)}, so probably after contrast"
        for one in t1:
            if time_of(one) >= time_of(second) and _is_silent(one):
                reason = why if one is second else f"{guesses[one.series_uid].reason}; {why}"
                settled[one.series_uid] = RoleGuess(Role.T1CE, PAIR_CONFIDENCE, reason)
    elif not t1 and len(t1ce) >= 2:
        first, last = t1ce[0], t1ce[-1]
        if _could_be_pair(first, last) and _is_silent(first):
            reason = (
                f"{size_text(first)} came before the alike {size_text(last)}, so probably before contrast"
            )
            settled[first.series_uid] = RoleGuess(Role.T1, PAIR_CONFIDENCE, reason)
    return settled


def _first_pair(t1: list[SeriesHeader]) -> tuple[SeriesHeader, SeriesHeader] | None:
    """The earliest series, not called a repeat, that repeats one before it (sorted by time)."""
    pairs = ((first, second) for place, second in enumerate(t1) for first in t1[:place])
    return next((pair for pair in pairs if _could_be_pair(*pair) and _is_silent(pair[1])), None)


def _is_silent(header: SeriesHeader) -> bool:
    """Whether the name says nothing of contrast, nor of being a repeat."""
    return said_of_contrast(header)[0] is Said.NOTHING and not REPEATED.search(plain(header.description))


def _could_be_pair(first: SeriesHeader, last: SeriesHeader) -> bool:
    alike = (first.repetition_time_ms, first.echo_time_ms, first.acquisition_type) == (
        last.repetition_time_ms,
        last.echo_time_ms,
        last.acquisition_type,
    )
    return (
        alike and bool(time_of(first)) and time_of(first) < time_of(last) and _extent(first) == _extent(last)
    )


def _extent(header: SeriesHeader) -> tuple[object, ...]:
    return header.rows, header.columns, header.n_images, step_of_mm(header)
