"""95 % intervals of volumes: how far the views disagree, scaled by errors measured on labelled cases.

The scale is conformal prediction (Vovk et al. 2005; normalised scores as in Lei et al., JASA 2018;113:1094)
on the logarithm of the volume. Every width comes from three things: the volume at a strict and at a lax threshold
of the probability, which the cascade gives for free; a widening where the views agree less than usual or T1CE has
thick slices; and a calibrated multiplier stored with the model. docs/intervals.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from segmentation.types import VolumeEstimate

LEVEL = 0.95
OFFSET_ML = 0.5
"""Added before the logarithm: below half a millilitre errors are absolute, above it relative."""
FLOOR = 0.05
"""Least width in log units: the inter-reader error that no agreement between views removes."""
LEAST_MULTIPLIER = 0.7
"""A few dozen cases do not show that the strict and the lax outline are much too far apart."""
UNCALIBRATED_MULTIPLIER = 2.5
"""For a model without calibration: about twice what nearly all cases of the published model need."""

USUAL_AGREEMENT = 0.9
DISAGREEMENT_WEIGHT = 5.0
COARSE_WIDENING = 1.5
"""Set on degraded images, see docs/intervals.md."""

QUANTITIES = ("WT", "TC", "ET", "oedema", "nonenhancing_core")


@dataclass(frozen=True, slots=True)
class VolumeBand:
    """One amount as segmented, and at the strict and the lax threshold; millilitres, strict <= ml <= lax."""

    ml: float
    strict_ml: float
    lax_ml: float
    widening: float = 1.0
    """By what the quality of the images and the quarrel of the views widen the interval; at least 1."""


@dataclass(frozen=True, slots=True)
class IntervalCalibration:
    """What labelled cases said about a model's errors; stored in its model.json."""

    multipliers: Mapping[str, float]
    n_cases: int
    cases: str
    """Which kind of cases, in words, and whether the model had seen them."""
    coverage: Mapping[str, float] = field(default_factory=dict)
    """Share of the same cases whose truth lay inside when each patient was left out of the calibration."""


def interval(band: VolumeBand, multiplier: float) -> VolumeEstimate:
    """The amount with its limits: low <= ml <= high, never negative, never of zero width."""
    below, above = _log_widths(band)
    centre = math.log(band.ml + OFFSET_ML)
    low_ml = max(0.0, math.exp(centre - multiplier * below) - OFFSET_ML)
    high_ml = math.exp(centre + multiplier * above) - OFFSET_ML
    return VolumeEstimate(ml=band.ml, low_ml=min(low_ml, band.ml), high_ml=max(high_ml, band.ml))


def widening(agreement: float, is_coarse: bool) -> float:
    """By how much intervals grow where views agree less than usual (mean Dice), and where T1CE has thick slices."""
    of_views = (1 + DISAGREEMENT_WEIGHT * (1 - agreement)) / (1 + DISAGREEMENT_WEIGHT * (1 - USUAL_AGREEMENT))
    return max(1.0, of_views) * (COARSE_WIDENING if is_coarse else 1.0)


def score(band: VolumeBand, true_ml: float) -> float:
    """The least multiplier with which the interval would hold the truth."""
    below, above = _log_widths(band)
    error = math.log(true_ml + OFFSET_ML) - math.log(band.ml + OFFSET_ML)
    return max(error / above, -error / below)


def multiplier_of(scores: Sequence[float]) -> float:
    """The conformal quantile of the scores, at least 0.7; the largest score where there are too few for the level."""
    if not scores:
        return UNCALIBRATED_MULTIPLIER
    rank = math.ceil((len(scores) + 1) * LEVEL)
    return max(LEAST_MULTIPLIER, sorted(scores)[min(rank, len(scores)) - 1])


def calibrate(scores: Mapping[str, Sequence[float]], cases: str) -> IntervalCalibration:
    """Multipliers per quantity, with the leave-one-out coverage they would have had.

    `scores` holds, per name in QUANTITIES, one score a case; `cases` says in words which cases.
    """
    return IntervalCalibration(
        multipliers={name: multiplier_of(values) for name, values in scores.items()},
        n_cases=max((len(values) for values in scores.values()), default=0),
        cases=cases,
        coverage={name: _left_out_coverage(values) for name, values in scores.items()},
    )


def _left_out_coverage(scores: Sequence[float]) -> float:
    """Share of cases inside an interval calibrated on the others."""
    inside = [score <= multiplier_of([*scores[:i], *scores[i + 1 :]]) for i, score in enumerate(scores)]
    return sum(inside) / len(inside) if inside else math.nan


def _log_widths(band: VolumeBand) -> tuple[float, float]:
    """Below and above, in log units, before the multiplier."""
    centre = math.log(band.ml + OFFSET_ML)
    below = FLOOR + max(0.0, centre - math.log(band.strict_ml + OFFSET_ML))
    above = FLOOR + max(0.0, math.log(band.lax_ml + OFFSET_ML) - centre)
    return band.widening * below, band.widening * above
