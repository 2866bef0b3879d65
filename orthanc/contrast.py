"""Which T1 series of a study came after the contrast agent: all series of the study are heard together.

A header alone often misleads: the agent entered once stays in every later header, or in all of them;
a protocol run twice keeps its name. What no header can change is the order of time: once the agent is
given, every later T1 shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orthanc.acquired import number_text, time_of
from orthanc.exclusions import is_contrast_dynamic
from orthanc.roles import Said, said_of_contrast
from orthanc.twins import settle_twins
from orthanc.types import Role, RoleGuess, SeriesHeader

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
    is_order_known = injection is not None and (injection.is_stated or injection.is_agent_telling)
    return settle_twins(t1_like, settled, is_order_known=is_order_known)


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
        witnesses.append((time_of(dynamic), f"the perfusion {number_text(dynamic)} filmed the injection"))
    called = next(
        (one for one in sorted(t1_like, key=time_of) if said_of_contrast(one)[0] is Said.AFTER), None
    )
    if called and time_of(called):
        witnesses.append((time_of(called), f"{number_text(called)} is called after contrast"))
    if telling:
        witnesses.append((time_of(telling), f"{number_text(telling)} is the first with an agent"))
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
