"""Evaluation over labelled cases: overlap, distance, volume error, interval coverage, seconds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from segmentation.case_folder import read_case, read_reference
from segmentation.interval import QUANTITIES, VolumeBand, score
from segmentation.measure import by_quantity, label_volumes_ml, regions_of
from segmentation.metrics import dice, hd95_mm, jaccard
from segmentation.registry import CascadeModel
from segmentation.segment import Report, segment_in_detail
from segmentation.types import BrainScan, Compartment, Phase, PreparedScan, Segmentation

REGIONS = tuple(part.value for part in Compartment)

Prepare = Callable[[BrainScan], PreparedScan]


@dataclass(frozen=True, slots=True)
class CaseEvaluation:
    """One labelled case: the result beside the truth. Dictionaries are keyed by WT, TC, ET."""

    case: str
    result: Segmentation
    dice: dict[str, float]
    jaccard: dict[str, float]
    hd95_mm: dict[str, float]
    bands: dict[str, VolumeBand]
    """Per name in QUANTITIES."""
    true_volume_ml: dict[str, float]
    """Per name in QUANTITIES."""

    def is_inside(self, name: str) -> bool:
        """Whether the interval of a quantity holds the true amount."""
        estimate = by_quantity(self.result.volumes)[name]
        return estimate.low_ml <= self.true_volume_ml[name] <= estimate.high_ml

    def score(self, name: str) -> float:
        """The least interval multiplier with which it would."""
        return score(self.bands[name], self.true_volume_ml[name])


def evaluate_case(
    folder: Path, prepare: Prepare, model: CascadeModel, phase: Phase, report: Report = lambda stage: None
) -> CaseEvaluation:
    """Segment a labelled case folder and compare with its seg.nii.gz.

    Raises:
        BadInputError: the case cannot be segmented or has no usable reference.
    """
    scan = read_case(folder)
    reference = read_reference(folder, scan.t1ce)
    detailed = segment_in_detail(prepare(scan), model, phase, report)
    return compare(folder.name, detailed.segmentation, detailed.bands, reference)


def compare(
    case: str, result: Segmentation, bands: dict[str, VolumeBand], reference: sitk.Image
) -> CaseEvaluation:
    """The measures of one result against a reference label map on the same grid."""
    ours = _masks(result.labels)
    true = _masks(reference)
    spacing_zyx_mm = reference.GetSpacing()[::-1]
    pairs = {name: (ours[name], true[name]) for name in REGIONS}
    return CaseEvaluation(
        case=case,
        result=result,
        dice={name: dice(a, b) for name, (a, b) in pairs.items()},
        jaccard={name: jaccard(a, b) for name, (a, b) in pairs.items()},
        hd95_mm={name: hd95_mm(a, b, spacing_zyx_mm) for name, (a, b) in pairs.items()},
        bands=bands,
        true_volume_ml=label_volumes_ml(reference),
    )


def report_content(
    model: CascadeModel, cases: Sequence[CaseEvaluation], failed: dict[str, str]
) -> dict[str, Any]:
    """What the evaluation's JSON says; `failed` gives the reason per case that could not be evaluated.

    A distance is null where one of the masks is empty; such cases are left out of the distance's summary.
    """
    return {
        "model": asdict(model.identity),
        "calibration": _calibration(model),
        "cases": [_case_content(case) for case in cases],
        "failed": [{"case": case, "reason": reason} for case, reason in failed.items()],
        "summary": {
            "dice": {name: spread(case.dice[name] for case in cases) for name in REGIONS},
            "jaccard": {name: spread(case.jaccard[name] for case in cases) for name in REGIONS},
            "hd95_mm": {name: spread(case.hd95_mm[name] for case in cases) for name in REGIONS},
            "volume_error_ml": {name: spread(_error_ml(case, name) for case in cases) for name in REGIONS},
            "interval_width_ml": {name: spread(_width_ml(case, name) for case in cases) for name in REGIONS},
            "trust": spread(case.result.trust or 0.0 for case in cases),
            "seconds": spread(sum(case.result.seconds.values()) for case in cases),
        },
        "coverage": {name: _share(case.is_inside(name) for case in cases) for name in QUANTITIES},
    }


def spread(values: Iterable[float]) -> dict[str, float | int | None]:
    """Mean, median, SD and number of the finite values; null where there are too few."""
    finite = [value for value in values if math.isfinite(value)]
    return {
        "mean": statistics.fmean(finite) if finite else None,
        "median": statistics.median(finite) if finite else None,
        "sd": statistics.stdev(finite) if len(finite) > 1 else None,
        "n": len(finite),
    }


def _case_content(case: CaseEvaluation) -> dict[str, Any]:
    volumes = by_quantity(case.result.volumes)
    seconds = case.result.seconds
    return {
        "case": case.case,
        "phase": case.result.phase.value,
        "dice": case.dice,
        "jaccard": case.jaccard,
        "hd95_mm": {name: value if math.isfinite(value) else None for name, value in case.hd95_mm.items()},
        "volume_ml": {name: volumes[name].ml for name in QUANTITIES},
        "true_volume_ml": case.true_volume_ml,
        "interval_ml": {name: [volumes[name].low_ml, volumes[name].high_ml] for name in QUANTITIES},
        "interval_score": {name: case.score(name) for name in QUANTITIES},
        "trust": case.result.trust,
        "seconds": seconds | {"total": sum(seconds.values())},
        "warnings": list(case.result.warnings),
    }


def _calibration(model: CascadeModel) -> dict[str, Any] | None:
    return asdict(model.interval) if model.interval else None


def _masks(labels: sitk.Image) -> dict[str, Any]:
    regions = regions_of(sitk.GetArrayViewFromImage(labels))
    return {"WT": regions.whole_zyx, "TC": regions.core_zyx, "ET": regions.enhancing_zyx}


def _error_ml(case: CaseEvaluation, name: str) -> float:
    return by_quantity(case.result.volumes)[name].ml - case.true_volume_ml[name]


def _width_ml(case: CaseEvaluation, name: str) -> float:
    estimate = by_quantity(case.result.volumes)[name]
    return estimate.high_ml - estimate.low_ml


def _share(truths: Iterable[bool]) -> float | None:
    collected = list(truths)
    return float(np.mean(collected)) if collected else None
