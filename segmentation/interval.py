"""95 % intervals of volumes: how far the views disagree, scaled by errors measured on labelled cases.

The scale is conformal prediction (Vovk et al. 2005; normalised scores as in Lei et al., JASA 2018;113:1094)
on the logarithm of the volume. Every width comes from three things: the volume at a strict and at a lax threshold
of the probability, which the cascade gives for free; a widening where the views agree less than usual or the images
are worse; and a calibrated multiplier stored with the model. docs/intervals.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from segmentation.image_quality import ImageQuality
from segmentation.types import VolumeEstimate

LEVEL = 0.95
OFFSET_ML = 0.5
"""Added before the logarithm: below half a millilitre errors are absolute, above it relative."""
FLOOR = 0.05
"""Least width in log units: the inter-reader error that no agreement between views removes."""
MOST_ML = 700.0
"""Half a brain: more is no glioma, however little the views say."""
_MOST_LOG = 20.0
LEAST_MULTIPLIER = 0.7
"""A few dozen cases do not show that the strict and the lax outline are much too far apart."""
UNCALIBRATED_MULTIPLIER = 2.5
"""For a model without calibration: about twice what nearly all cases of the published model need."""

USUAL_AGREEMENT = 0.9
DISAGREEMENT_WEIGHT = 5.0
COARSE_WIDENING = 1.5
USUAL_NOISE = 0.2
NOISE_WEIGHT = 1.5
"""All five set on sharp and degraded images, see docs/intervals.md. Of the sharp ones the noisiest has 0.16."""
GATE_WIDENING = 1.25
"""For each kind of gate that failed; set by judgement, for want of labelled cases that fail one."""

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
    """Patients."""
    cases: str
    """Which kind of cases, in words, and whether the model had seen them."""
    coverage: Mapping[str, float] = field(default_factory=dict)
    """Share of their runs whose truth lay inside when each patient was left out of the calibration."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What tells of one case, without its truth, how far its volumes may be off."""

    agreement: float
    """Mean Dice between the views."""
    quality: ImageQuality


def interval(band: VolumeBand, multiplier: float) -> VolumeEstimate:
    """The amount with its limits: low <= ml <= high, never negative, never of zero width."""
    below, above = _log_widths(band)
    centre = math.log(band.ml + OFFSET_ML)
    low_ml = max(0.0, math.exp(centre - multiplier * below) - OFFSET_ML)
    high_ml = min(MOST_ML, math.exp(min(_MOST_LOG, centre + multiplier * above)) - OFFSET_ML)
    return VolumeEstimate(ml=band.ml, low_ml=min(low_ml, band.ml), high_ml=max(high_ml, band.ml))


def widening(signals: Signals) -> float:
    """By how much intervals grow where views agree less than usual and images are worse; at least 1."""
    quality = signals.quality
    of_views = (1 + DISAGREEMENT_WEIGHT * (1 - signals.agreement)) / (
        1 + DISAGREEMENT_WEIGHT * (1 - USUAL_AGREEMENT)
    )
    of_noise = 1 + NOISE_WEIGHT * max(0.0, quality.noise - USUAL_NOISE)
    of_slices = COARSE_WIDENING if quality.is_coarse else 1.0
    of_gates = GATE_WIDENING ** len(quality.failed_gates)
    return max(1.0, of_views) * of_noise * of_slices * of_gates


def score(band: VolumeBand, true_ml: float) -> float:
    """The least multiplier with which the interval would hold the truth."""
    below, above = _log_widths(band)
    error = math.log(true_ml + OFFSET_ML) - math.log(band.ml + OFFSET_ML)
    return max(error / above, -error / below)


def conformal_quantile(scores: Sequence[float], level: float) -> float:
    """The score that holds a new case's with this probability; the largest where there are too few for the level."""
    rank = math.ceil((len(scores) + 1) * level)
    return sorted(scores)[min(rank, len(scores)) - 1]


def multiplier_of(scores: Sequence[float]) -> float:
    """The conformal quantile of the scores, at least 0.7."""
    return max(LEAST_MULTIPLIER, conformal_quantile(scores, LEVEL)) if scores else UNCALIBRATED_MULTIPLIER


def calibrate(
    scores: Mapping[str, Sequence[float]], patients: Sequence[str], cases: str
) -> IntervalCalibration:
    """Multipliers per quantity, with the coverage they would have had with each patient left out.

    `scores` holds, per name in QUANTITIES, one score a run, `patients` whose run it is; `cases` says in words which
    cases these are.
    """
    return IntervalCalibration(
        multipliers={name: multiplier_of(values) for name, values in scores.items()},
        n_cases=len(set(patients)),
        cases=cases,
        coverage={name: _left_out_coverage(values, patients) for name, values in scores.items()},
    )


def without_patient(scores: Sequence[float], patients: Sequence[str], left_out: str) -> list[float]:
    """The scores of everybody else."""
    return [score for score, patient in zip(scores, patients, strict=True) if patient != left_out]


def _left_out_coverage(scores: Sequence[float], patients: Sequence[str]) -> float:
    """Share of runs inside an interval calibrated on the other patients."""
    multipliers = {
        patient: multiplier_of(without_patient(scores, patients, patient)) for patient in set(patients)
    }
    inside = [score <= multipliers[patient] for score, patient in zip(scores, patients, strict=True)]
    return sum(inside) / len(inside) if inside else math.nan


def _log_widths(band: VolumeBand) -> tuple[float, float]:
    """Below and above, in log units, before the multiplier."""
    centre = math.log(band.ml + OFFSET_ML)
    below = FLOOR + max(0.0, centre - math.log(band.strict_ml + OFFSET_ML))
    above = FLOOR + max(0.0, math.log(band.lax_ml + OFFSET_ML) - centre)
    return band.widening * below, band.widening * above
