"""How well a model's outlines met those of readers, as its description keeps it: Dice by phase and compartment."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segmentation.types import Compartment, Phase


@dataclass(frozen=True, slots=True)
class MeasuredDice:
    """Dice of one compartment over labelled cases of one phase; UNKNOWN: of several phases together."""

    phase: Phase
    compartment: Compartment
    n_cases: int
    mean: float
    median: float | None = None
    sd: float | None = None
    """None where only the mean is known, or of a single case."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The figures of a model, and which cases they are of."""

    rows: tuple[MeasuredDice, ...]
    cases: str
    """In words: which cases, and whether the model had seen them."""


def accuracy_from(content: Mapping[str, Any]) -> Accuracy:
    """The figures as a model's description holds them.

    Raises:
        KeyError, TypeError, ValueError: they are damaged.
    """
    rows = (
        MeasuredDice(**row | {"phase": Phase(row["phase"]), "compartment": Compartment(row["compartment"])})
        for row in content["rows"]
    )
    return Accuracy(tuple(rows), str(content["cases"]))


def measured_in(evaluations: Sequence[Mapping[str, Any]]) -> tuple[MeasuredDice, ...]:
    """The figures of evaluations as `evaluate` writes them, a row per phase and compartment."""
    rows = []
    for figures in evaluations:
        for phase in sorted({case["phase"] for case in figures["cases"]}):
            cases = [case for case in figures["cases"] if case["phase"] == phase]
            for name in Compartment:
                scores = [float(case["dice"][name.value]) for case in cases]
                sd = statistics.stdev(scores) if len(scores) > 1 else None
                rows.append(
                    MeasuredDice(
                        Phase(phase),
                        name,
                        len(scores),
                        statistics.fmean(scores),
                        statistics.median(scores),
                        sd,
                    )
                )
    return tuple(rows)
