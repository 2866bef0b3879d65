"""Calibration of a model's volume intervals and trust score on labelled cases, sharp and degraded."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.degrade import Degradation
from segmentation.errors import BadInputError
from segmentation.evaluate import CaseEvaluation
from segmentation.image_quality import ImageQuality
from segmentation.interval import (
    QUANTITIES,
    IntervalCalibration,
    Signals,
    VolumeBand,
    calibrate,
    interval,
    multiplier_of,
    score,
    widening,
    without_patient,
)
from segmentation.model_description import store_calibration
from segmentation.trust import TrustCalibration, calibrate_trust
from segmentation.types import VolumeEstimate

LEAST_PATIENTS = 5
"""Of fewer patients the largest error says little."""


@dataclass(frozen=True, slots=True)
class Run:
    """One labelled case in one state of its images: what was found, and what was true."""

    patient: str
    degradation: Degradation
    bands: Mapping[str, VolumeBand]
    """Per name in QUANTITIES, as is the truth."""
    true_ml: Mapping[str, float]
    signals: Signals
    mean_dice: float
    """Of WT, TC and ET."""

    def score(self, name: str) -> float:
        """The least interval multiplier that would hold the truth."""
        return score(self.bands[name], self.true_ml[name])


@dataclass(frozen=True, slots=True)
class Judged:
    """An interval calibrated without its patient, and the truth."""

    degradation: Degradation
    estimate: VolumeEstimate
    true_ml: float

    @property
    def is_inside(self) -> bool:
        """Whether it holds the truth."""
        return self.estimate.low_ml <= self.true_ml <= self.estimate.high_ml

    @property
    def half_width(self) -> float:
        """Half of the interval over the amount."""
        return (self.estimate.high_ml - self.estimate.low_ml) / (2 * self.estimate.ml)


def run_of(case: CaseEvaluation) -> Run:
    """What calibration keeps of an evaluated case."""
    return Run(
        patient=case.patient,
        degradation=case.degradation,
        bands=case.bands,
        true_ml=case.true_volume_ml,
        signals=case.signals,
        mean_dice=statistics.fmean(case.dice.values()),
    )


def runs_in(figures: Iterable[Mapping[str, Any]]) -> list[Run]:
    """The runs in the JSON of earlier evaluations, such as that of a cross-validation.

    Widths are made anew of the stored signals, by the rule of this version.

    Raises:
        BadInputError: one is no evaluation of this software.
    """
    try:
        return [_run_from(case) for one in figures for case in one["cases"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"These figures are not of an evaluation by this version: {error} is missing or wrong."
        ) from error


def left_out_intervals(runs: Sequence[Run], name: str) -> list[Judged]:
    """The interval of each run, its multiplier set on the other patients."""
    scores, patients = [run.score(name) for run in runs], [run.patient for run in runs]
    multipliers = {
        patient: multiplier_of(without_patient(scores, patients, patient)) for patient in set(patients)
    }
    return [
        Judged(run.degradation, interval(run.bands[name], multipliers[run.patient]), run.true_ml[name])
        for run in runs
    ]


def calibrate_model(
    folder: Path, runs: Sequence[Run], cases: str
) -> tuple[IntervalCalibration, TrustCalibration]:
    """Put the figures of labelled runs into the model's description.

    `cases` says in words which cases they are and whether the model had seen them.

    Raises:
        BadInputError: too few patients.
    """
    patients = [run.patient for run in runs]
    count = len(set(patients))
    if count < LEAST_PATIENTS:
        raise BadInputError(
            f"A calibration needs labelled cases of at least {LEAST_PATIENTS} patients; {count} were usable."
        )
    intervals = calibrate({name: [run.score(name) for run in runs] for name in QUANTITIES}, patients, cases)
    trust = calibrate_trust(
        [run.signals.agreement for run in runs], [run.mean_dice for run in runs], patients, cases
    )
    store_calibration(folder, intervals, trust)
    return intervals, trust


def _run_from(case: Mapping[str, Any]) -> Run:
    quality = case["signals"]["quality"]
    signals = Signals(
        float(case["signals"]["agreement"]),
        ImageQuality(float(quality["noise"]), bool(quality["is_coarse"]), tuple(quality["failed_gates"])),
    )
    bands = {
        name: VolumeBand(
            float(band["ml"]), float(band["strict_ml"]), float(band["lax_ml"]), widening(signals)
        )
        for name, band in case["band"].items()
    }
    return Run(
        patient=str(case["patient"]),
        degradation=Degradation(case["degradation"]),
        bands={name: bands[name] for name in QUANTITIES},
        true_ml={name: float(case["true_volume_ml"][name]) for name in QUANTITIES},
        signals=signals,
        mean_dice=statistics.fmean(float(value) for value in case["dice"].values()),
    )
