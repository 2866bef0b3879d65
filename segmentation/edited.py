"""A label map that a reader corrected, measured by the code that measured the model's.

No calibration says how far a reader's outline is from the truth. The interval stays as wide as the model's was (in log
units, the wider of its two sides), so that a correction never claims to be surer than what it corrects, and at least
as wide as that of a model without calibration whose strict and lax outlines are the same.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from segmentation.geometry import onto_grid, to_closest_lps
from segmentation.interval import FLOOR, OFFSET_ML, UNCALIBRATED_MULTIPLIER
from segmentation.lesions import find_lesions
from segmentation.location import brain_frame
from segmentation.measure import by_quantity, label_volumes_ml
from segmentation.plausibility import NO_TUMOUR, implausible
from segmentation.types import Segmentation, TumourVolumes, VolumeEstimate

LEAST_LOG_WIDTH = FLOOR * UNCALIBRATED_MULTIPLIER


def remeasure(before: Segmentation, labels: sitk.Image, brain_mask: sitk.Image) -> Segmentation:
    """The segmentation with a corrected label map: volumes, lesions and plausibility anew.

    Trust and uncertainty are of the model's outline and fall away; its warnings about the images stay.

    Args:
        labels: 0, 1, 2, 4 on the grid of the label map before.
        brain_mask: on the prepared grid of 1 mm.
    """
    brain = to_closest_lps(brain_mask)
    on_cubes = onto_grid(labels, brain, sitk.Transform(), sitk.sitkNearestNeighbor)
    said = tuple(words for words in before.warnings if words != NO_TUMOUR)
    estimates = by_quantity(before.volumes)
    now = {name: _estimate(ml, estimates[name]) for name, ml in label_volumes_ml(labels).items()}
    return replace(
        before,
        labels=labels,
        volumes=TumourVolumes(
            whole_tumour=now["WT"],
            tumour_core=now["TC"],
            enhancing=now["ET"],
            oedema=now["oedema"],
            nonenhancing_core=now["nonenhancing_core"],
        ),
        warnings=said if np.any(sitk.GetArrayViewFromImage(labels)) else (NO_TUMOUR, *said),
        not_validated=implausible(sitk.GetArrayFromImage(on_cubes), sitk.GetArrayFromImage(brain) > 0),
        trust=None,
        lesions=find_lesions(labels, brain_frame(brain)),
        resampling_error_ml={},
        uncertainty=None,
    )


def _estimate(ml: float, before: VolumeEstimate) -> VolumeEstimate:
    centre = math.log(ml + OFFSET_ML)
    width = max(LEAST_LOG_WIDTH, _log_width(before))
    return VolumeEstimate(
        ml=ml,
        low_ml=max(0.0, math.exp(centre - width) - OFFSET_ML),
        high_ml=math.exp(centre + width) - OFFSET_ML,
    )


def _log_width(estimate: VolumeEstimate) -> float:
    low, middle, high = (math.log(ml + OFFSET_ML) for ml in (estimate.low_ml, estimate.ml, estimate.high_ml))
    return max(middle - low, high - middle)
