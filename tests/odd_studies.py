"""Kinds of broken or odd studies, each made of a normal study of four series, and what must come of it.

`ODD_KINDS` is fed through the readers in tests/orthanc and through the running system end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset

from orthanc import variants
from orthanc.variants import Slices

T1, T2, FLAIR, T1CE = 3, 4, 5, 9
"""Series numbers that `make_study` gives."""

Study = list[Dataset]


@dataclass(frozen=True, slots=True)
class OddKind:
    """One way in which a study can be odd.

    `make` never changes what it is given. `ends_in` is "result" where the study must be segmented and
    "reason" where it must end without a result; `words` then are part of what the reader is told (any
    case). For a result, `words` are part of a warning, or empty.
    """

    name: str
    make: Callable[[Study], Study]
    ends_in: Literal["result", "reason"]
    words: str = ""


def of_series(study: Study, number: int) -> Slices:
    """The slices of one series in order."""
    found = [one for one in study if one.get("SeriesNumber") == number]
    return sorted(found, key=lambda one: int(one.InstanceNumber))


def series_changed(change: Callable[[Slices], Slices], *numbers: int) -> Callable[[Study], Study]:
    """The study with some series (by default all four) replaced by what `change` makes of them."""

    def make(study: Study) -> Study:
        changed = numbers or (T1, T2, FLAIR, T1CE)
        made = [one for one in study if one.get("SeriesNumber") not in changed]
        for number in changed:
            made += change(deepcopy(of_series(study, number)))
        return made

    return make


def _without_series(*numbers: int) -> Callable[[Study], Study]:
    return lambda study: [one for one in study if one.get("SeriesNumber") not in numbers]


ODD_KINDS: tuple[OddKind, ...] = (
    OddKind("no FLAIR", _without_series(FLAIR), "reason", "FLAIR"),
    OddKind(
        "a slice of the FLAIR lost",
        series_changed(lambda slices: variants.without(slices, {4}), FLAIR),
        "reason",
        "missing between image 3 and image 5",
    ),
    OddKind(
        "two echoes in the T2 series",
        series_changed(lambda slices: variants.with_second_volume(slices, EchoTime=20), T2),
        "reason",
        "echo time",
    ),
    OddKind("feet first", series_changed(variants.feet_first), "result"),
    OddKind("signed pixels", series_changed(variants.signed), "result"),
)
