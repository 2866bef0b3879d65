"""The trust score: how well a reader's outline would be met, told from how far the three views agree.

The mean Dice between the views is turned into an expected Dice by a straight line, and the spread of labelled cases
around that line is its interval. Line and spread are measured on labelled cases, sharp and degraded, and stored with
the model; see docs/intervals.md for what they are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.types import Trust, TrustGrade

GOOD_FROM, POOR_BELOW = 0.85, 0.70
"""Expected Dice: from 0.85 on an outline is as good as another reader's; below 0.7 it is drawn anew, not mended."""
_TAIL_PERCENT = 2.5
_LEAST_RANGE = 1e-6

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrustCalibration:
    """Expected Dice = intercept + slope * agreement, and how far labelled cases lay below and above it."""

    intercept: float
    slope: float
    below: float
    above: float
    correlation: float
    """Between expected and true Dice, each patient left out of the line that judges him."""
    n_cases: int
    cases: str


UNCALIBRATED = TrustCalibration(0.0, 1.0, below=0.4, above=0.2, correlation=0.0, n_cases=0, cases="none")
"""The agreement as it is, with room on both sides."""


def trust_of(agreement: float, calibration: TrustCalibration | None) -> Trust:
    """The score of one case; without a calibration the agreement itself stands for it, widely."""
    line = calibration or UNCALIBRATED
    expected = _within_bounds(line.intercept + line.slope * agreement)
    return Trust(
        expected,
        _within_bounds(expected - line.below),
        _within_bounds(expected + line.above),
        _grade(expected),
    )


def calibrate_trust(
    agreements: Sequence[float], true_dice: Sequence[float], patients: Sequence[str], cases: str
) -> TrustCalibration:
    """Line and spread of labelled runs; several runs of one patient are left out together.

    The spread is that of cases judged by a line that had not seen their patient.
    """
    x, y, who = np.array(agreements), np.array(true_dice), np.array(patients)
    expected = np.empty_like(y)
    for patient in sorted(set(patients)):
        slope, intercept = _line(x[who != patient], y[who != patient])
        expected[who == patient] = np.clip(intercept + slope * x[who == patient], 0, 1)
    slope, intercept = _line(x, y)
    low, high = np.percentile(y - expected, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return TrustCalibration(
        intercept=intercept,
        slope=slope,
        below=max(0.0, -float(low)),
        above=max(0.0, float(high)),
        correlation=_correlation(expected, y),
        n_cases=len(y),
        cases=cases,
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and intercept of least squares; a level line where every x is the same."""
    if np.ptp(x) < _LEAST_RANGE:
        return 0.0, float(y.mean())
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)


def _correlation(x: FloatArray, y: FloatArray) -> float:
    """Pearson's; 0 where one of the two does not vary."""
    varies = min(np.ptp(x), np.ptp(y)) >= _LEAST_RANGE
    return float(np.corrcoef(x, y)[0, 1]) if varies else 0.0


def _within_bounds(value: float) -> float:
    return float(min(1.0, max(0.0, value)))


def _grade(expected: float) -> TrustGrade:
    if expected >= GOOD_FROM:
        return TrustGrade.GOOD
    return TrustGrade.POOR if expected < POOR_BELOW else TrustGrade.CHECK
