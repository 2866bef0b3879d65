"""From a label map to millilitres, and from the cascade's probabilities to the bands around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from segmentation.intensity import FloatArray, Mask
from segmentation.interval import UNCALIBRATED_MULTIPLIER, IntervalCalibration, VolumeBand, interval
from segmentation.postprocess import Labels
from segmentation.types import TISSUES_OF, Compartment, Tissue, TumourVolumes, VolumeEstimate

STRICT, LAX = 0.75, 0.25
"""Probabilities between which the outline might as well have been drawn."""
_REACH_VOXELS = 3
"""How far beyond the outline a lax outline may lie."""


@dataclass(frozen=True, slots=True)
class RegionMasks:
    """The three nested regions at one threshold, each (z, y, x)."""

    whole_zyx: Mask
    core_zyx: Mask
    enhancing_zyx: Mask


@dataclass(frozen=True, slots=True)
class RegionProbabilities:
    """The three networks' mean probability over the same crop, (z, y, x); 0 where a network did not look."""

    whole_zyx: FloatArray
    core_zyx: FloatArray
    enhancing_zyx: FloatArray


@dataclass(frozen=True, slots=True)
class Reach:
    """By how much each amount of QUANTITIES could be smaller or larger by the probabilities alone, in mL."""

    less_ml: Mapping[str, float]
    more_ml: Mapping[str, float]


def label_volumes_ml(labels: sitk.Image) -> dict[str, float]:
    """Amount per name in QUANTITIES: voxels times voxel size."""
    array_zyx = sitk.GetArrayViewFromImage(labels)
    counts = {tissue: int(np.count_nonzero(array_zyx == tissue)) for tissue in Tissue}
    voxel_ml = float(np.prod(labels.GetSpacing())) / 1000
    volumes_ml = {part.value: sum(counts[t] for t in TISSUES_OF[part]) * voxel_ml for part in Compartment}
    volumes_ml["oedema"] = counts[Tissue.OEDEMA] * voxel_ml
    volumes_ml["nonenhancing_core"] = counts[Tissue.NONENHANCING_CORE] * voxel_ml
    return volumes_ml


def regions_of(labels_zyx: Labels) -> RegionMasks:
    """The nested regions of a label map."""
    whole, core, enhancing = (np.isin(labels_zyx, TISSUES_OF[part]) for part in Compartment)
    return RegionMasks(whole, core, enhancing)


def reach(labels_zyx: Labels, probabilities: RegionProbabilities, voxel_ml: float) -> Reach:
    """How the amounts change between a strict and a lax outline around the one in the label map."""
    drawn = regions_of(labels_zyx)
    strict = RegionMasks(
        drawn.whole_zyx & (probabilities.whole_zyx > STRICT),
        drawn.core_zyx & (probabilities.core_zyx > STRICT),
        drawn.enhancing_zyx & (probabilities.enhancing_zyx > STRICT),
    )
    around_zyx = _grown(drawn.whole_zyx)
    lax_core_zyx = drawn.core_zyx | (around_zyx & (probabilities.core_zyx > LAX))
    lax = RegionMasks(
        drawn.whole_zyx | (around_zyx & (probabilities.whole_zyx > LAX)),
        lax_core_zyx,
        drawn.enhancing_zyx | (lax_core_zyx & (probabilities.enhancing_zyx > LAX)),
    )
    now = _amounts(drawn, drawn)
    least, most = _amounts(strict, lax), _amounts(lax, strict)
    return Reach(
        less_ml={name: max(0, now[name] - least[name]) * voxel_ml for name in now},
        more_ml={name: max(0, most[name] - now[name]) * voxel_ml for name in now},
    )


def volume_bands(labels: sitk.Image, reach: Reach, widening: float = 1.0) -> dict[str, VolumeBand]:
    """Amount with strict and lax limits per name in QUANTITIES, of a label map on any grid.

    `widening` is by how much the interval grows for the quality of this case.
    """
    return {
        name: VolumeBand(ml, max(0.0, ml - reach.less_ml[name]), ml + reach.more_ml[name], widening)
        for name, ml in label_volumes_ml(labels).items()
    }


def tumour_volumes(bands: Mapping[str, VolumeBand], calibration: IntervalCalibration | None) -> TumourVolumes:
    """Amounts with their 95 % intervals; without a calibration the intervals are wide."""
    multipliers = calibration.multipliers if calibration else {}

    def estimate(name: str) -> VolumeEstimate:
        return interval(bands[name], multipliers.get(name, UNCALIBRATED_MULTIPLIER))

    return TumourVolumes(
        whole_tumour=estimate("WT"),
        tumour_core=estimate("TC"),
        enhancing=estimate("ET"),
        oedema=estimate("oedema"),
        nonenhancing_core=estimate("nonenhancing_core"),
    )


def by_quantity(volumes: TumourVolumes) -> dict[str, VolumeEstimate]:
    """The same estimates under the names in QUANTITIES."""
    return {
        "WT": volumes.whole_tumour,
        "TC": volumes.tumour_core,
        "ET": volumes.enhancing,
        "oedema": volumes.oedema,
        "nonenhancing_core": volumes.nonenhancing_core,
    }


def _amounts(own: RegionMasks, opposite: RegionMasks) -> dict[str, int]:
    """Voxels per quantity; what is taken away from a region is taken at the opposite threshold."""
    counts = (np.count_nonzero(mask) for mask in (own.whole_zyx, own.core_zyx, own.enhancing_zyx))
    whole, core, enhancing = (int(count) for count in counts)
    return {
        "WT": whole,
        "TC": core,
        "ET": enhancing,
        "oedema": int(np.count_nonzero(own.whole_zyx & ~opposite.core_zyx)),
        "nonenhancing_core": int(np.count_nonzero(own.core_zyx & ~opposite.enhancing_zyx)),
    }


def _grown(mask_zyx: Mask) -> Mask:
    """The mask and what lies within the reach of it."""
    neighbours = ndimage.generate_binary_structure(3, 1)
    return np.asarray(ndimage.binary_dilation(mask_zyx, neighbours, iterations=_REACH_VOXELS), bool)
