"""Calibration of a model's volume intervals on labelled cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segmentation.errors import BadInputError
from segmentation.evaluate import CaseEvaluation
from segmentation.interval import QUANTITIES, IntervalCalibration, calibrate
from segmentation.model_description import store_interval

LEAST_CASES = 5
"""Of fewer cases the largest error says little."""


def calibrate_model(folder: Path, evaluations: Sequence[CaseEvaluation], cases: str) -> IntervalCalibration:
    """Put the figures of these labelled cases into the model's description.

    `cases` says in words which cases they are and whether the model had seen them.

    Raises:
        BadInputError: too few cases.
    """
    if len(evaluations) < LEAST_CASES:
        raise BadInputError(
            f"A calibration needs at least {LEAST_CASES} labelled cases; {len(evaluations)} were usable."
        )
    scores = {name: [case.score(name) for case in evaluations] for name in QUANTITIES}
    calibration = calibrate(scores, cases)
    store_interval(folder, calibration)
    return calibration
