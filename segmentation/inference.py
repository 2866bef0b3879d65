"""One task's networks over a crop: three views, each in one pass over the whole crop, averaged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from segmentation.intensity import FloatArray, noise_frame
from segmentation.network import CONTEXT_SLICES, Task, View
from segmentation.registry import CascadeModel

AXES_OF: dict[View, tuple[int, int, int]] = {
    View.AXIAL: (0, 1, 2),  # slices z, rows y, columns x
    View.SAGITTAL: (2, 0, 1),  # slices x, rows z, columns y
    View.CORONAL: (1, 0, 2),  # slices y, rows z, columns x
}
TASK_NAMES = {
    Task.WHOLE_TUMOUR: "whole tumour",
    Task.TUMOUR_CORE: "tumour core",
    Task.ENHANCING: "enhancing tumour",
}
VIEW_NAMES = {View.AXIAL: "axial", View.SAGITTAL: "sagittal", View.CORONAL: "coronal"}


def view_probabilities(
    model: CascadeModel, task: Task, channels_czyx: FloatArray, report: Callable[[str], None]
) -> FloatArray:
    """Probability of the task's region by each view: (3, z, y, x) in the order of View.

    `channels_czyx` is the crop that the task's networks see, (4, z, y, x), z-scored.
    """
    views_vzyx = np.empty((len(View), *channels_czyx.shape[1:]), np.float32)
    for number, view in enumerate(View):
        report(f"{TASK_NAMES[task]}, {VIEW_NAMES[view]}")
        views_vzyx[number] = _view_probability(model, task, view, channels_czyx)
    return views_vzyx


def _view_probability(model: CascadeModel, task: Task, view: View, channels_czyx: FloatArray) -> FloatArray:
    network, axes = model.networks[task, view], AXES_OF[view]
    crop_cdhw = channels_czyx.transpose(0, *(axis + 1 for axis in axes))
    height, width = crop_cdhw.shape[2:]
    frame_cdhw = _framed(crop_cdhw, network.config.in_plane_multiple, salt=list(View).index(view))
    x = torch.from_numpy(frame_cdhw).unsqueeze(0)  # (1, 4, D+8, H', W')
    x = x.to(model.device, model.dtype).contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode(), torch.backends.cudnn.flags(benchmark=False, deterministic=True):
        logits = network(x)[0, :, :, :height, :width].float()  # (2, D, H, W)
        probability_dhw = torch.sigmoid(logits[1] - logits[0]).cpu().numpy()
    return np.ascontiguousarray(probability_dhw.transpose(np.argsort(axes)))


def _framed(crop_cdhw: FloatArray, multiple: int, salt: int) -> FloatArray:
    """The crop with noise around it: the context slices on both ends, rows and columns to the multiple."""
    channels, depth, height, width = crop_cdhw.shape
    rows, columns = (-(-size // multiple) * multiple for size in (height, width))
    frame_cdhw = noise_frame((channels, depth + 2 * CONTEXT_SLICES, rows, columns), salt)
    frame_cdhw[:, CONTEXT_SLICES : CONTEXT_SLICES + depth, :height, :width] = crop_cdhw
    return frame_cdhw
