"""The cascade as its authors ran it at test time, with our networks: what `make bench` compares speed against.

Reference: Wang et al., BrainLes 2017, and their released test procedure. Slabs of 19 slices give 11, stepping 11, the
last one shifted back; whole slices in frames of a published least size, padded with noise; mini-batches of 5 slabs in
single precision, the last one filled up with noise; normalisation by the mini-batch.
"""

from __future__ import annotations

import numpy as np
import torch

from segmentation.inference import AXES_OF
from segmentation.intensity import MARGIN_VOXELS, FloatArray, Mask, NetworkInput, bounding_box
from segmentation.network import CONTEXT_SLICES, MSNet, Task, View
from segmentation.postprocess import Labels, core_region, fuse, whole_tumour_region
from segmentation.registry import CascadeModel

SLAB, STEP, BATCH = 19, 11, 5
LEAST_FRAME = {View.AXIAL: (180, 160), View.SAGITTAL: (160, 180), View.CORONAL: (160, 160)}
LEAST_CROP_FRAME = {Task.TUMOUR_CORE: (96, 96), Task.ENHANCING: (64, 64)}


def reference_cascade(model: CascadeModel, images: NetworkInput) -> Labels:
    """Label map of one case; the rules between and after the networks are the ones we use too."""
    whole_zyx = _mask(model, Task.WHOLE_TUMOUR, images.channels_czyx) & images.brain_zyx
    region_zyx = whole_tumour_region(whole_zyx)
    if not region_zyx.any():
        return np.zeros(region_zyx.shape, np.uint8)
    core_zyx = _within(region_zyx, model, Task.TUMOUR_CORE, images)
    main_zyx = core_region(core_zyx)
    box_of_zyx = main_zyx if main_zyx.any() else region_zyx
    return fuse(whole_zyx, core_zyx, _within(box_of_zyx, model, Task.ENHANCING, images))


def _within(region_zyx: Mask, model: CascadeModel, task: Task, images: NetworkInput) -> Mask:
    box_zyx = bounding_box(region_zyx, MARGIN_VOXELS)
    mask_zyx = np.zeros_like(region_zyx)
    mask_zyx[box_zyx] = _mask(model, task, images.channels_czyx[:, *box_zyx])
    return mask_zyx & images.brain_zyx


def _mask(model: CascadeModel, task: Task, channels_czyx: FloatArray) -> Mask:
    views = [_probability(model.networks[task, view], task, view, channels_czyx) for view in View]
    return np.asarray(np.mean(views, axis=0) > 0.5)


def _probability(network: MSNet, task: Task, view: View, channels_czyx: FloatArray) -> FloatArray:
    axes = AXES_OF[view]
    crop_cdhw = channels_czyx.transpose(0, *(axis + 1 for axis in axes))
    depth, height, width = crop_cdhw.shape[1:]
    framed_cdhw = _framed(crop_cdhw, LEAST_CROP_FRAME.get(task, LEAST_FRAME[view]))
    starts = _slab_starts(depth)
    probability_dhw = np.empty((depth, height, width), np.float32)
    for first in range(0, len(starts), BATCH):
        batch = starts[first : first + BATCH]
        slabs = [framed_cdhw[:, start : start + SLAB] for start in batch]
        slabs += [_noise(slabs[0].shape)] * (BATCH - len(slabs))
        with torch.inference_mode():
            softmax = network(torch.from_numpy(np.stack(slabs))).softmax(dim=1)[:, 1].numpy()
        for start, slab_dhw in zip(batch, softmax, strict=False):
            last = min(start + STEP, depth)
            probability_dhw[start:last] = slab_dhw[: last - start, :height, :width]
    return probability_dhw.transpose(np.argsort(axes))


def _slab_starts(depth: int) -> list[int]:
    """First labelled slice of each slab."""
    last = max(0, depth - STEP)
    return [*range(0, last, STEP), last]


def _framed(crop_cdhw: FloatArray, least: tuple[int, int]) -> FloatArray:
    channels, depth, height, width = crop_cdhw.shape
    rows, columns = (
        max(small, -(-size // 4) * 4) for size, small in zip((height, width), least, strict=True)
    )
    framed_cdhw = _noise((channels, max(depth, STEP) + 2 * CONTEXT_SLICES, rows, columns))
    framed_cdhw[:, CONTEXT_SLICES : CONTEXT_SLICES + depth, :height, :width] = crop_cdhw
    return framed_cdhw


def _noise(shape: tuple[int, ...]) -> FloatArray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
