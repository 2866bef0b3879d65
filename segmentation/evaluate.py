"""Evaluation over labelled cases: overlap, distance, volume error, interval coverage, seconds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from segmentation.case_folder import read_case, read_case_note, read_reference
from segmentation.degrade import Degradation, degraded
from segmentation.interval import QUANTITIES, Signals, VolumeBand, score
from segmentation.measure import by_quantity, label_volumes_ml, regions_of
from segmentation.metrics import dice, hd95_mm, jaccard
from segmentation.registry import Model
from segmentation.segment import Detailed, Report, segment_in_detail
from segmentation.types import BrainScan, Compartment, Phase, PreparedScan, TumourVolumes

REGIONS = tuple(part.value for part in Compartment)

WORTH_A_WIDTH_ML = 5.0
"""Of smaller amounts a width in percent says little."""

Prepare = Callable[[BrainScan], PreparedScan]


@dataclass(frozen=True, slots=True)
class CaseEvaluation:
    """One labelled case: the result's figures beside the truth. Dictionaries are keyed by WT, TC, ET.

    Without the label map: an evaluation of many cases must not grow with their number.
    """

    case: str
    phase: Phase
    volumes: TumourVolumes
    trust: float
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    dice: dict[str, float]
    jaccard: dict[str, float]
    hd95_mm: dict[str, float]
    bands: dict[str, VolumeBand]
    """Per name in QUANTITIES."""
    true_volume_ml: dict[str, float]
    """Per name in QUANTITIES."""
    signals: Signals
    patient: str
    """Runs of one patient are never split between calibration and check."""
    degradation: Degradation = Degradation.NONE

    def is_inside(self, name: str) -> bool:
        """Whether the interval of a quantity holds the true amount."""
        estimate = by_quantity(self.volumes)[name]
        return estimate.low_ml <= self.true_volume_ml[name] <= estimate.high_ml

    def score(self, name: str) -> float:
        """The least interval multiplier with which it would."""
        return score(self.bands[name], self.true_volume_ml[name])


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """A case ready for any model: prepared once, segmented by each."""

    name: str
    prepared: PreparedScan
    reference: sitk.Image
    """The reader's label map, on the grid of T1CE as read."""
    phase: Phase
    patient: str
    degradation: Degradation = Degradation.NONE


def read_labelled_case(folder: Path, prepare: Prepare, phase: Phase) -> LabelledCase:
    """Read and prepare a labelled case folder; the phase in its `case.json` goes before the one given.

    Raises:
        BadInputError: the case cannot be prepared or has no usable reference.
    """
    note = read_case_note(folder)
    scan = read_case(folder)
    reference = read_reference(folder, scan.t1ce)
    return LabelledCase(
        folder.name, prepare(scan), reference, note.phase or phase, note.source or folder.name
    )


def worse(case: LabelledCase, kind: Degradation) -> LabelledCase:
    """The case with worse images, simulated, and the same truth."""
    if kind is Degradation.NONE:
        return case
    images = degraded(case.prepared, kind, case.name)
    return replace(case, name=f"{case.name} ({kind})", prepared=images, degradation=kind)


def evaluate_labelled(
    case: LabelledCase, model: Model, report: Report = lambda stage: None
) -> CaseEvaluation:
    """Segment a case and compare with its reference.

    Raises:
        BadInputError: the case cannot be segmented.
    """
    return compare(case, segment_in_detail(case.prepared, model, case.phase, report))


def evaluate_case(
    folder: Path, prepare: Prepare, model: Model, phase: Phase, report: Report = lambda stage: None
) -> CaseEvaluation:
    """Segment a labelled case folder and compare with its seg.nii.gz.

    Raises:
        BadInputError: the case cannot be segmented or has no usable reference.
    """
    return evaluate_labelled(read_labelled_case(folder, prepare, phase), model, report)


def compare(case: LabelledCase, found: Detailed) -> CaseEvaluation:
    """The measures of one result against the case's reference."""
    result = found.segmentation
    ours, true = _masks(result.labels), _masks(case.reference)
    spacing_zyx_mm = case.reference.GetSpacing()[::-1]
    pairs = {name: (ours[name], true[name]) for name in REGIONS}
    return CaseEvaluation(
        case=case.name,
        phase=result.phase,
        volumes=result.volumes,
        trust=result.trust.predicted_dice if result.trust else 0.0,
        seconds=result.seconds,
        warnings=result.warnings,
        dice={name: dice(a, b) for name, (a, b) in pairs.items()},
        jaccard={name: jaccard(a, b) for name, (a, b) in pairs.items()},
        hd95_mm={name: hd95_mm(a, b, spacing_zyx_mm) for name, (a, b) in pairs.items()},
        bands=found.bands,
        true_volume_ml=label_volumes_ml(case.reference),
        signals=found.signals,
        patient=case.patient,
        degradation=case.degradation,
    )


def report_content(model: Model, cases: Sequence[CaseEvaluation], failed: dict[str, str]) -> dict[str, Any]:
    """What the evaluation's JSON says; `failed` gives the reason per case that could not be evaluated.

    A distance is null where one of the masks is empty; such cases are left out of the distance's summary.
    """
    phases = sorted({case.phase for case in cases})
    return {
        "model": asdict(model.identity),
        "calibration": _calibration(model),
        "cases": [_case_content(case) for case in cases],
        "failed": [{"case": case, "reason": reason} for case, reason in failed.items()],
        "summary": _summary(cases),
        "phases": {
            phase.value: _summary([case for case in cases if case.phase is phase]) for phase in phases
        },
        "coverage": {name: _share(case.is_inside(name) for case in cases) for name in QUANTITIES},
        "half_width": {name: spread(half_widths(cases, name)) for name in QUANTITIES},
    }


def half_widths(cases: Sequence[CaseEvaluation], name: str) -> list[float]:
    """Half the interval's width over the amount, of each case that has more than 5 mL of it."""
    estimates = [by_quantity(case.volumes)[name] for case in cases]
    return [(one.high_ml - one.low_ml) / (2 * one.ml) for one in estimates if one.ml > WORTH_A_WIDTH_ML]


def coverage_table(cases: Sequence[CaseEvaluation]) -> str:
    """Coverage and median half-width of the intervals, one line per compartment and stored label."""
    lines = [f"{'95 % interval':<18} {'holds the truth':>16}  {'median half-width, above 5 mL':>30}"]
    for name in QUANTITIES:
        inside = sum(case.is_inside(name) for case in cases)
        widths = half_widths(cases, name)
        width = f"{statistics.median(widths):.0%} (n {len(widths)})" if widths else "-"
        lines.append(f"{name:<18} {f'{inside} of {len(cases)}':>16}  {width:>30}")
    return "\n".join(lines)


def spread(values: Iterable[float]) -> dict[str, float | int | None]:
    """Mean, median, SD and number of the finite values; null where there are too few."""
    finite = [value for value in values if math.isfinite(value)]
    return {
        "mean": statistics.fmean(finite) if finite else None,
        "median": statistics.median(finite) if finite else None,
        "sd": statistics.stdev(finite) if len(finite) > 1 else None,
        "n": len(finite),
    }


def _summary(cases: Sequence[CaseEvaluation]) -> dict[str, Any]:
    return {
        "dice": {name: spread(case.dice[name] for case in cases) for name in REGIONS},
        "jaccard": {name: spread(case.jaccard[name] for case in cases) for name in REGIONS},
        "hd95_mm": {name: spread(case.hd95_mm[name] for case in cases) for name in REGIONS},
        "volume_error_ml": {name: spread(_error_ml(case, name) for case in cases) for name in REGIONS},
        "interval_width_ml": {name: spread(_width_ml(case, name) for case in cases) for name in REGIONS},
        "trust": spread(case.trust for case in cases),
        "seconds": spread(sum(case.seconds.values()) for case in cases),
    }


def _case_content(case: CaseEvaluation) -> dict[str, Any]:
    volumes = by_quantity(case.volumes)
    seconds = case.seconds
    return {
        "case": case.case,
        "phase": case.phase.value,
        "dice": case.dice,
        "jaccard": case.jaccard,
        "hd95_mm": {name: value if math.isfinite(value) else None for name, value in case.hd95_mm.items()},
        "volume_ml": {name: volumes[name].ml for name in QUANTITIES},
        "true_volume_ml": case.true_volume_ml,
        "interval_ml": {name: [volumes[name].low_ml, volumes[name].high_ml] for name in QUANTITIES},
        "band": {name: asdict(band) for name, band in case.bands.items()},
        "signals": asdict(case.signals),
        "patient": case.patient,
        "degradation": case.degradation.value,
        "trust": case.trust,
        "seconds": seconds | {"total": sum(seconds.values())},
        "warnings": list(case.warnings),
    }


def _calibration(model: Model) -> dict[str, Any] | None:
    return asdict(model.interval) if model.interval else None


def _masks(labels: sitk.Image) -> dict[str, Any]:
    regions = regions_of(sitk.GetArrayViewFromImage(labels))
    return {"WT": regions.whole_zyx, "TC": regions.core_zyx, "ET": regions.enhancing_zyx}


def _error_ml(case: CaseEvaluation, name: str) -> float:
    return by_quantity(case.volumes)[name].ml - case.true_volume_ml[name]


def _width_ml(case: CaseEvaluation, name: str) -> float:
    estimate = by_quantity(case.volumes)[name]
    return estimate.high_ml - estimate.low_ml


def _share(truths: Iterable[bool]) -> float | None:
    collected = list(truths)
    return float(np.mean(collected)) if collected else None
