"""The change of a volume between two visits, with its 95 % interval, and how likely it passes a threshold.

Each amount's error is taken as normal on the logarithm of the volume, with one spread below and another above the
estimate, so that the ends of the estimate's interval are its 2.5 and 97.5 % points (a two-piece normal). The errors of
two visits are correlated: the same model reads the same head, and what it misses once it tends to miss again. All
probabilities are integrals over the earlier error, of the later one's distribution given it; nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from segmentation.interval import LEVEL, OFFSET_ML
from segmentation.types import VolumeEstimate

CORRELATION = 0.3
"""Between the log errors of two visits. Kept low on purpose: a lower figure makes the interval of a change wider. The
same tumours, sharp and degraded, gave 0.5 to 0.9, but 0.2 for the core of misaligned images (docs/intervals.md)."""
_TAIL = (1 - LEVEL) / 2
_Z = 1.959964
"""Standard deviations from the middle of a normal to the ends of its 95 % interval."""
_LEAST_SPREAD = 1e-12
_MOST_LOG_RATIO = 60.0
_POINTS = np.linspace(-6.0, 6.0, 241)
_WEIGHTS = np.exp(-(_POINTS**2) / 2) / np.exp(-(_POINTS**2) / 2).sum()

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VolumeChange:
    """Later minus earlier in mL, and later over earlier, each with its 95 % interval."""

    difference_ml: float
    low_ml: float
    high_ml: float
    ratio: float | None
    """None, as its limits are, where the earlier amount is 0."""
    low_ratio: float | None
    high_ratio: float | None
    """None also where the earlier interval reaches down to 0, so that the ratio has no upper limit."""


def change_between(
    earlier: VolumeEstimate, later: VolumeEstimate, correlation: float = CORRELATION
) -> VolumeChange:
    """What changed from one visit to the next; low <= value <= high in both measures.

    Raises:
        ValueError: the correlation is not within -1 and 1 (ends excluded).
    """
    errors = _Errors(earlier, later, correlation)
    difference_ml = later.ml - earlier.ml
    largest_ml = float(max(errors.earlier_ml.max(), errors.later_largest_ml()))

    def grown_by_more_than(ml: float) -> float:
        return errors.probability_above(errors.earlier_ml + ml)

    low_ml, high_ml = (
        _solved(grown_by_more_than, -largest_ml, largest_ml, level) for level in (1 - _TAIL, _TAIL)
    )
    ratio, low_ratio, high_ratio = _ratios(earlier, later, errors)
    return VolumeChange(
        difference_ml, min(low_ml, difference_ml), max(high_ml, difference_ml), ratio, low_ratio, high_ratio
    )


def probability_ratio_at_least(
    earlier: VolumeEstimate, later: VolumeEstimate, ratio: float, correlation: float = CORRELATION
) -> float:
    """How likely the later true amount is at least `ratio` times the earlier one, and not nothing; 0 to 1.

    Raises:
        ValueError: the ratio is negative, or the correlation is not within -1 and 1 (ends excluded).
    """
    if ratio < 0:
        raise ValueError(f"A ratio of volumes cannot be {ratio}.")
    errors = _Errors(earlier, later, correlation)
    return errors.probability_above(ratio * errors.earlier_ml)


def probability_ratio_at_most(
    earlier: VolumeEstimate, later: VolumeEstimate, ratio: float, correlation: float = CORRELATION
) -> float:
    """How likely the later true amount is at most `ratio` times the earlier one; nothing at all counts; 0 to 1.

    Raises:
        ValueError: the ratio is negative, or the correlation is not within -1 and 1 (ends excluded).
    """
    return 1.0 - probability_ratio_at_least(earlier, later, ratio, correlation)


class _Errors:
    """What the two amounts may truly have been: the earlier one over a lattice of its error, the later one given it."""

    def __init__(self, earlier: VolumeEstimate, later: VolumeEstimate, correlation: float) -> None:
        if not -1 < correlation < 1:
            raise ValueError(f"The correlation of errors must lie between -1 and 1, not at {correlation}.")
        self.later = later
        self.correlation = correlation
        self.earlier_ml = _amounts_ml(earlier, _POINTS)

    def probability_above(self, thresholds_ml: FloatArray) -> float:
        """How likely the later amount lies above the threshold that belongs to each earlier amount."""
        deviations = _deviations(self.later, thresholds_ml)
        spread = math.sqrt(1 - self.correlation**2)
        above = ndtr((self.correlation * _POINTS - deviations) / spread)
        return float(np.dot(_WEIGHTS, np.where(thresholds_ml < 0, 1.0, above)))

    def later_largest_ml(self) -> float:
        """More than this the later amount is not."""
        return float(_amounts_ml(self.later, _POINTS[-1:])[0])


def _amounts_ml(estimate: VolumeEstimate, deviations: FloatArray) -> FloatArray:
    """The true amount at so many standard deviations of the error; never below 0."""
    centre, below, above = _two_piece(estimate)
    logs = centre + deviations * np.where(deviations < 0, below, above)
    return np.maximum(np.exp(logs) - OFFSET_ML, 0.0)


def _deviations(estimate: VolumeEstimate, amounts_ml: FloatArray) -> FloatArray:
    """The error, in standard deviations, that each amount of 0 or more would mean."""
    centre, below, above = _two_piece(estimate)
    distance = np.log(np.maximum(amounts_ml, 0.0) + OFFSET_ML) - centre
    return np.asarray(distance / np.maximum(np.where(distance < 0, below, above), _LEAST_SPREAD))


def _two_piece(estimate: VolumeEstimate) -> tuple[float, float, float]:
    """Middle, and standard deviations below and above it, on the logarithm of the volume."""
    low, centre, high = (math.log(ml + OFFSET_ML) for ml in (estimate.low_ml, estimate.ml, estimate.high_ml))
    return centre, (centre - low) / _Z, (high - centre) / _Z


def _ratios(
    earlier: VolumeEstimate, later: VolumeEstimate, errors: _Errors
) -> tuple[float | None, float | None, float | None]:
    """Later over earlier with its limits, found on the logarithm of the ratio."""
    if earlier.ml <= 0:
        return None, None, None
    ratio = later.ml / earlier.ml

    def above(log_ratio: float) -> float:
        return errors.probability_above(math.exp(log_ratio) * errors.earlier_ml)

    low_ratio = min(math.exp(_solved(above, -_MOST_LOG_RATIO, _MOST_LOG_RATIO, 1 - _TAIL)), ratio)
    if earlier.low_ml <= 0:
        return ratio, low_ratio, None
    return ratio, low_ratio, max(math.exp(_solved(above, -_MOST_LOG_RATIO, _MOST_LOG_RATIO, _TAIL)), ratio)


def _solved(falling: Callable[[float], float], low: float, high: float, level: float) -> float:
    """Where a falling function passes a level; the end next to it where it lies wholly above or below."""
    if falling(low) <= level:
        return low
    if falling(high) >= level:
        return high
    return float(brentq(lambda place: falling(place) - level, low, high, xtol=1e-9, rtol=1e-9))
