"""Calibration of a model's volume intervals on labelled cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segmentation.errors import BadInputError
from segmentation.evaluate import CaseEvaluation
from segmentation.interval import QUANTITIES, IntervalCalibration, calibrate
from segmentation.model_description import store_interval

LEAST_CASES = 5
"""Of fewer cases the largest error says little."""


Scores = Mapping[str, Sequence[float]]
"""Per name in QUANTITIES, one interval score a case."""


def scores_of(evaluations: Sequence[CaseEvaluation]) -> Scores:
    """The scores of cases that were just evaluated."""
    return {name: [case.score(name) for case in evaluations] for name in QUANTITIES}


def scores_in(figures: Iterable[Mapping[str, Any]]) -> Scores:
    """The scores in the JSON of earlier evaluations, such as that of a cross-validation.

    Raises:
        BadInputError: one is no evaluation of this software.
    """
    try:
        cases = [case["interval_score"] for one in figures for case in one["cases"]]
        return {name: [float(case[name]) for case in cases] for name in QUANTITIES}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"These figures are not of an evaluation: {error} is missing or no number."
        ) from error


def calibrate_model(folder: Path, scores: Scores, cases: str) -> IntervalCalibration:
    """Put the figures of labelled cases into the model's description.

    `cases` says in words which cases they are and whether the model had seen them.

    Raises:
        BadInputError: too few cases.
    """
    count = min(len(values) for values in scores.values())
    if count < LEAST_CASES:
        raise BadInputError(
            f"A calibration needs at least {LEAST_CASES} labelled cases; {count} were usable."
        )
    calibration = calibrate(scores, cases)
    store_interval(folder, calibration)
    return calibration
