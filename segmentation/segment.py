"""The cascade from prepared images to a label map and millilitres: the imaging stages in their order.

Reference: Wang et al., BrainLes 2017. Whole tumour in the brain, core in the box of the whole tumour, enhancing
part in the box of the core; each by three views whose probabilities are averaged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk

from segmentation.baseline_inference import pass_probabilities
from segmentation.image_quality import image_quality
from segmentation.inference import view_probabilities
from segmentation.intensity import MARGIN_VOXELS, Box, FloatArray, NetworkInput, bounding_box, network_input
from segmentation.interval import Signals, VolumeBand, widening
from segmentation.lesions import find_lesions
from segmentation.location import brain_frame
from segmentation.measure import (
    Reach,
    RegionProbabilities,
    label_volumes_ml,
    reach,
    tumour_volumes,
    volume_bands,
)
from segmentation.native import labels_on_native_grid
from segmentation.network import Task, View
from segmentation.plausibility import NO_TUMOUR, implausible
from segmentation.postprocess import Labels, core_region, fuse, whole_tumour_region
from segmentation.presence import Regions, evidence_map
from segmentation.registry import BaselineModel, CascadeModel, Model
from segmentation.trust import trust_of
from segmentation.types import SEQUENCES, Phase, PreparedScan, Segmentation, Trust, TrustGrade
from segmentation.uncertainty import uncertainty_on_grid, voxel_uncertainty
from segmentation.view_agreement import predicted_dice

Report = Callable[[str], None]

NOT_CALIBRATED = "Interval not calibrated: this model's errors were not measured on labelled cases."
THRESHOLD = 0.5
VOXEL_ML = 0.001
"""Of the prepared grid, which is 1 mm."""
DOUBTFUL_ENHANCING_ML = 0.1
"""From here on, enhancement that was not believed is worth a look."""


@dataclass(frozen=True, slots=True)
class Detailed:
    """A segmentation with what calibration and evaluation need beside it."""

    segmentation: Segmentation
    bands: dict[str, VolumeBand]
    signals: Signals
    enhancing_evidence: sitk.Image
    """On the prepared grid: the evidence of each piece the enhancing networks outlined; minus infinity elsewhere."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the networks say about one crop around the brain."""

    labels_zyx: Labels
    probabilities: RegionProbabilities
    agreement: float
    """Mean Dice between the views' masks."""
    evidence_zyx: FloatArray
    """Log odds of the enhancing pieces; minus infinity where there is none."""
    doubtful_enhancing_ml: float = 0.0
    """What the enhancing networks outlined and the decision on its presence refused."""


def segment(
    prepared: PreparedScan, model: Model, phase: Phase, report: Report = lambda stage: None
) -> Segmentation:
    """Segment one visit; the same images and model give the same voxels on the same machine.

    `report` is told each step in words. The label map comes back on `prepared.t1ce_grid`.

    Raises:
        BadInputError: a sequence is empty, constant or holds NaN, or there is no brain.
        BadGeometryError: the images are not on one grid of 1 mm.
    """
    return segment_in_detail(prepared, model, phase, report).segmentation


def segment_in_detail(
    prepared: PreparedScan, model: Model, phase: Phase, report: Report = lambda stage: None
) -> Detailed:
    """As `segment`, with the bands its intervals were made of."""
    seconds: dict[str, float] = {}
    report("checking the images")
    with _timed(seconds, "normalise"):
        scan = _facing_lps(prepared)
        images = network_input(scan)
    found = _run(images, model, seconds, report)
    report("measuring")
    with _timed(seconds, "measure"):
        on_cubes = on_prepared_grid(found.labels_zyx, images.box_zyx, scan.t1ce)
        labels = labels_on_native_grid(_facing(on_cubes, prepared.t1ce), prepared.t1ce_grid)
        signals = Signals(found.agreement, image_quality(images, prepared.gates))
        bands = volume_bands(labels, _reach(found, scan.t1ce), widening(signals))
        volumes = tumour_volumes(bands, model.interval)
        trust = trust_of(found.agreement, model.trust)
    report("describing the lesions")
    with _timed(seconds, "describe"):
        lesions = find_lesions(labels, brain_frame(scan.brain_mask))
        uncertainty_zyx = voxel_uncertainty(found.probabilities)
        uncertainty = uncertainty_on_grid(uncertainty_zyx, images.box_zyx, scan.t1ce, prepared.t1ce_grid)
    segmentation = Segmentation(
        labels=labels,
        volumes=volumes,
        model=model.identity,
        phase=phase,
        warnings=prepared.warnings + _warnings(found, trust, model, phase),
        seconds=prepared.seconds | seconds,
        not_validated=implausible(found.labels_zyx, images.brain_zyx),
        trust=trust,
        lesions=lesions,
        resampling_error_ml=_resampling_error_ml(on_cubes, labels),
        uncertainty=uncertainty,
    )
    evidence = on_prepared_grid(found.evidence_zyx, images.box_zyx, scan.t1ce)
    return Detailed(segmentation, bands, signals, _facing(evidence, prepared.t1ce))


def _run(images: NetworkInput, model: Model, seconds: dict[str, float], report: Report) -> _Found:
    if isinstance(model, BaselineModel):
        with _timed(seconds, "network"):
            regions = pass_probabilities(model, images.channels_czyx, images.brain_zyx, report)
            opinions = [region_vzyx * images.brain_zyx for region_vzyx in regions]
            if not whole_tumour_region(opinions[0].mean(axis=0) > THRESHOLD).any():
                del opinions[1:]
    else:
        opinions = _cascade_views(images, model, seconds, report)
    with _timed(seconds, "postprocess"):
        return _decide(images, opinions, model.least_evidence)


def _cascade_views(
    images: NetworkInput, model: CascadeModel, seconds: dict[str, float], report: Report
) -> list[FloatArray]:
    """Probability of whole tumour, core and enhancing tumour by view; of the first alone where there is no tumour."""
    with _timed(seconds, "whole_tumour"):
        whole_vzyx = view_probabilities(model, Task.WHOLE_TUMOUR, images.channels_czyx, report)
        whole_vzyx *= images.brain_zyx
        region_zyx = whole_tumour_region(whole_vzyx.mean(axis=0) > THRESHOLD)
    if not region_zyx.any():
        return [whole_vzyx]
    with _timed(seconds, "tumour_core"):
        box_zyx = bounding_box(region_zyx, MARGIN_VOXELS)
        core_vzyx = _within(box_zyx, images, model, Task.TUMOUR_CORE, report)
        core_region_zyx = core_region(core_vzyx.mean(axis=0) > THRESHOLD)
    with _timed(seconds, "enhancing_tumour"):
        if core_region_zyx.any():
            box_zyx = bounding_box(core_region_zyx, MARGIN_VOXELS)
        enhancing_vzyx = _within(box_zyx, images, model, Task.ENHANCING, report)
    return [whole_vzyx, core_vzyx, enhancing_vzyx]


def _decide(images: NetworkInput, opinions: Sequence[FloatArray], least_evidence: float) -> _Found:
    """Labels from the probabilities of the regions, each (views, z, y, x)."""
    shape_zyx, agreement = images.brain_zyx.shape, predicted_dice(opinions)
    means = [views.mean(axis=0) for views in opinions]
    if len(means) == 1:
        nothing = np.zeros(shape_zyx, np.float32)
        no_evidence = np.full(shape_zyx, -np.inf, np.float32)
        probabilities = RegionProbabilities(means[0], nothing, nothing)
        return _Found(np.zeros(shape_zyx, np.uint8), probabilities, agreement, no_evidence)
    found = Regions(images.brain_zyx, *(mean > THRESHOLD for mean in means))
    evidence_zyx = evidence_map(found, means[-1], images.channels_czyx)
    enhancing_zyx = evidence_zyx >= least_evidence
    labels_zyx = fuse(found.whole_zyx, found.core_zyx, enhancing_zyx)
    refused_ml = np.count_nonzero(found.enhancing_zyx & ~enhancing_zyx) * VOXEL_ML
    return _Found(labels_zyx, RegionProbabilities(*means), agreement, evidence_zyx, refused_ml)


def _within(
    box_zyx: Box, images: NetworkInput, model: CascadeModel, task: Task, report: Report
) -> FloatArray:
    """A task's probabilities by view, from its networks run in a box; 0 outside it and outside the brain."""
    views_vzyx = np.zeros((len(View), *images.brain_zyx.shape), np.float32)
    views_vzyx[:, *box_zyx] = view_probabilities(model, task, images.channels_czyx[:, *box_zyx], report)
    views_vzyx *= images.brain_zyx
    return views_vzyx


def _reach(found: _Found, grid: sitk.Image) -> Reach:
    return reach(found.labels_zyx, found.probabilities, float(np.prod(grid.GetSpacing())) / 1000)


def _resampling_error_ml(on_cubes: sitk.Image, labels: sitk.Image) -> dict[str, float]:
    before_ml, after_ml = label_volumes_ml(on_cubes), label_volumes_ml(labels)
    return {name: after_ml[name] - before_ml[name] for name in after_ml}


def _warnings(found: _Found, trust: Trust, model: Model, phase: Phase) -> tuple[str, ...]:
    said = []
    if not found.labels_zyx.any():
        said.append(NO_TUMOUR)
    elif trust.grade is TrustGrade.POOR:
        said.append(
            f"The three views disagree on the outline (agreement {found.agreement:.2f} of 1): check it."
        )
    if found.doubtful_enhancing_ml >= DOUBTFUL_ENHANCING_ML:
        said.append(
            f"Faint enhancement of {found.doubtful_enhancing_ml:.1f} mL was not counted as enhancing tumour: "
            "look at the T1 before and after contrast."
        )
    if model.interval is None:
        said.append(NOT_CALIBRATED)
    if phase is not Phase.UNKNOWN and model.phases and phase not in model.phases:
        shown = " and ".join(_PHASE_WORDS[known] for known in model.phases)
        said.append(
            f"Model {model.identity.name} was trained on {shown} images only; this study is {_PHASE_WORDS[phase]}."
        )
    return tuple(said)


_PHASE_WORDS = {
    Phase.PREOP: "pre-operative",
    Phase.POSTOP: "post-operative",
    Phase.UNKNOWN: "of unknown phase",
}


def _facing_lps(prepared: PreparedScan) -> PreparedScan:
    """The same images with x to the left, y to the back, z up, as the networks know heads."""
    if _facing_of(prepared.t1ce) == "LPS":
        return prepared
    names = (*SEQUENCES, "brain_mask")
    return replace(prepared, **{name: sitk.DICOMOrient(getattr(prepared, name), "LPS") for name in names})


def _facing(image: sitk.Image, like: sitk.Image) -> sitk.Image:
    facing = _facing_of(like)
    return image if facing == "LPS" else sitk.DICOMOrient(image, facing)


def _facing_of(image: sitk.Image) -> str:
    return str(sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()))


def on_prepared_grid(crop_zyx: Labels | FloatArray, box_zyx: Box, grid: sitk.Image) -> sitk.Image:
    """The crop put back in its place: labels with 0 around it, evidence with minus infinity."""
    around = -np.inf if crop_zyx.dtype.kind == "f" else 0
    full_zyx = np.full(grid.GetSize()[::-1], around, crop_zyx.dtype)
    full_zyx[box_zyx] = crop_zyx
    image = sitk.GetImageFromArray(full_zyx)
    image.CopyInformation(grid)
    return image


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
