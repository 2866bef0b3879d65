"""Batches for one network: which case, which patch, which target. A pure function of the seed and the iteration.

That purity is what makes a resumed training equal to an uninterrupted one: nothing is remembered between batches.
Sampling follows CA-CNN: the whole-tumour network sees the brain, the core network the box of the whole tumour, the
enhancing network the box of the core; beyond the box is noise, as at inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from segmentation.errors import BadInputError
from segmentation.network import CONTEXT_SLICES, Task, View
from segmentation.training.augment import NO_AUGMENTATION, Augmentation, augment_intensity, tighten_mask
from segmentation.training.dataset import TrainingCase
from segmentation.training.patches import (
    Box,
    Placement,
    bounding_box,
    grow_box,
    inside_box,
    place_patch,
    read_image,
    read_nearest,
)
from segmentation.types import TISSUES_OF, Compartment

VIEW_AXES: dict[View, tuple[int, int, int]] = {
    View.AXIAL: (0, 1, 2),
    View.SAGITTAL: (2, 0, 1),
    View.CORONAL: (1, 0, 2),
}
"""Array axes z, y, x that become slice, height and width (CA-CNN: axial zyx, sagittal xzy, coronal yzx)."""

TARGET_OF = {
    Task.WHOLE_TUMOUR: Compartment.WHOLE_TUMOUR,
    Task.TUMOUR_CORE: Compartment.TUMOUR_CORE,
    Task.ENHANCING: Compartment.ENHANCING_TUMOUR,
}
BOX_OF = {Task.TUMOUR_CORE: Compartment.WHOLE_TUMOUR, Task.ENHANCING: Compartment.TUMOUR_CORE}
"""Compartment whose box a network works in; the whole-tumour network works in the brain."""

BOX_MARGIN = 5
"""Voxels around the box at inference."""
IN_PLANE_MULTIPLE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step of training or validation reads."""

    image: torch.Tensor  # (B, 4, D, H, W) float32
    target: torch.Tensor  # (B, D-8, H, W) int64, 0 or 1; of the baseline (B, 3, D, H, W)
    weight: torch.Tensor  # (B, D-8, H, W) float32, 1 inside brain and box; of the baseline (B, D, H, W)

    def to(self, device: torch.device) -> Batch:
        """The same batch on `device`."""
        image, target, weight = (
            tensor.to(device, non_blocking=True) for tensor in (self.image, self.target, self.weight)
        )
        return Batch(image, target, weight)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How patches are drawn; sizes in voxels along slice, height and width of the view."""

    patch_dhw: tuple[int, int, int]
    batch_size: int
    foreground_chance: float = 0.7
    augmentation: Augmentation = NO_AUGMENTATION


class PatchSource:
    """Draws batches for one task and view from labelled cases."""

    def __init__(
        self, cases: Sequence[TrainingCase], task: Task, view: View, how: Sampling, seed: int
    ) -> None:
        self.task, self.view, self.how = task, view, how
        self.seed = (seed, list(Task).index(task), list(View).index(view))
        self.cases = [case for case in cases if _has_box(case, task)]
        if not self.cases:
            raise BadInputError(
                f"None of the {len(cases)} cases has the labels that the {task} network learns from."
            )
        self.foreground = [_target(case.labels, task).nonzero().to(torch.int16) for case in self.cases]

    def batch(self, iteration: int) -> Batch:
        """The batch of this iteration: equal for equal seed and iteration."""
        rng = np.random.default_rng((*self.seed, iteration))
        drawn = [self._draw_region(rng) for _ in range(self.how.batch_size)]
        # No larger than the boxes of this batch: more noise would bend the networks' running statistics.
        patch_zyx = _patch_within([box for _, box in drawn], self.how.patch_dhw, self.view)
        items = [self._item(index, box, patch_zyx, rng) for index, box in drawn]
        images, targets, weights = zip(*items, strict=True)
        return Batch(torch.stack(images), torch.stack(targets), torch.stack(weights))

    def _draw_region(self, rng: np.random.Generator) -> tuple[int, Box]:
        index = int(rng.integers(len(self.cases)))
        case = self.cases[index]
        # The box will come from another network: sometimes tight, sometimes with a stray island.
        reach = 30 if rng.random() < 0.15 else 11
        margins = np.maximum(
            rng.integers(1, reach, size=(3, 2)), rng.integers(0, BOX_MARGIN + 1, size=(3, 2))
        )
        return index, working_box(case, self.task, margins)

    def _item(
        self, index: int, box: Box, patch_zyx: tuple[int, int, int], rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        case, how = self.cases[index], self.how.augmentation
        centre = _draw_centre(
            self.foreground[index], box, patch_zyx, self.view, self.how.foreground_chance, rng
        )
        where = place_patch(centre, patch_zyx, how, rng)
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        image = torch.cat(
            [read_image(case.image[i : i + 1], misplaced(where, how, rng)) for i in range(len(case.image))]
        )
        image = augment_intensity(image, how, rng, noise)
        brain = tighten_mask(read_nearest(case.brain, where), how, rng) & inside_box(where, box)
        target = _target(read_nearest(case.labels, where), self.task)
        return _in_view(image, target, brain, self.view, noise)


def working_box(case: TrainingCase, task: Task, margins: np.ndarray) -> Box:
    """The box that `task`'s network works in, grown by `margins` (3, 2) voxels; the brain's where no tumour is."""
    box = None
    if task in BOX_OF:
        box = bounding_box(_member(case.labels, BOX_OF[task]))
    brain_box = bounding_box(case.brain)
    assert brain_box is not None  # noqa: S101 - a case without brain is refused when it is read
    return grow_box(box or brain_box, margins, case.shape_zyx)


def whole_region(case: TrainingCase, task: Task, view: View, seed: int) -> Batch:
    """The whole box of `task` in one piece, as at inference: the batch that validation looks at."""
    box = working_box(case, task, np.full((3, 2), BOX_MARGIN))
    patch_zyx = _patch_within([box], (10**6, 10**6, 10**6), view)
    centre = [(first + end) / 2 for first, end in box]
    where = place_patch(
        (centre[0], centre[1], centre[2]), patch_zyx, NO_AUGMENTATION, np.random.default_rng(0)
    )
    brain = read_nearest(case.brain, where) & inside_box(where, box)
    target = _target(read_nearest(case.labels, where), task)
    noise = torch.Generator().manual_seed(seed)
    image, target, weight = _in_view(read_image(case.image, where), target, brain, view, noise)
    return Batch(image[None], target[None], weight[None])


def _in_view(
    image: torch.Tensor, target: torch.Tensor, brain: torch.Tensor, view: View, noise: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Fill what is not brain with noise and turn z, y, x into the view's slice, height and width."""
    filled = torch.where(brain, image, torch.randn(image.shape, generator=noise))  # (4, Z, Y, X)
    axes = VIEW_AXES[view]
    labelled = slice(CONTEXT_SLICES, -CONTEXT_SLICES)
    image_dhw = filled.permute(0, *(axis + 1 for axis in axes)).contiguous()  # (4, D, H, W)
    target_dhw = target.permute(axes)[labelled].long()  # (D-8, H, W)
    return image_dhw, target_dhw, brain.permute(axes)[labelled].float()


def misplaced(where: Placement, how: Augmentation, rng: np.random.Generator) -> Placement:
    """Where one sequence is read that registration left a little off, by chance."""
    if rng.random() >= how.misregistration_chance:
        return where
    return where.moved(rng.uniform(-how.misregistration_mm, how.misregistration_mm, size=3))


def _patch_within(boxes: Sequence[Box], patch_dhw: tuple[int, int, int], view: View) -> tuple[int, int, int]:
    """The patch in z, y, x, cut to the largest of the boxes plus what the network needs around it."""
    patch_zyx = [0, 0, 0]
    for place, axis in enumerate(VIEW_AXES[view]):
        extent = max(box[axis][1] - box[axis][0] for box in boxes)
        if place == 0:
            patch_zyx[axis] = min(patch_dhw[place], extent + 2 * CONTEXT_SLICES)
        else:
            patch_zyx[axis] = min(patch_dhw[place], -(-extent // IN_PLANE_MULTIPLE) * IN_PLANE_MULTIPLE)
    return patch_zyx[0], patch_zyx[1], patch_zyx[2]


def _draw_centre(
    foreground: torch.Tensor,
    box: Box,
    patch_zyx: tuple[int, int, int],
    view: View,
    foreground_chance: float,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """A foreground voxel or any voxel of the box; in plane moved so that the patch stays inside the box."""
    if len(foreground) > 0 and rng.random() < foreground_chance:
        start = foreground[int(rng.integers(len(foreground)))].tolist()
    else:
        start = [rng.uniform(first, end) for first, end in box]
    centre = [0.0, 0.0, 0.0]
    for place, axis in enumerate(VIEW_AXES[view]):
        first, end = box[axis]
        # Slices of context may lie outside, so the slice axis runs the whole box.
        half = patch_zyx[axis] / 2 - (CONTEXT_SLICES if place == 0 else 0)
        low, high = first + half, end - half
        centre[axis] = (low + high) / 2 if low > high else float(min(max(start[axis], low), high))
    return centre[0], centre[1], centre[2]


def _has_box(case: TrainingCase, task: Task) -> bool:
    return task not in BOX_OF or bool(_member(case.labels, BOX_OF[task]).any())


def _target(labels: torch.Tensor, task: Task) -> torch.Tensor:
    return _member(labels, TARGET_OF[task])


def _member(labels: torch.Tensor, compartment: Compartment) -> torch.Tensor:
    """Boolean mask of the labels that make up `compartment`."""
    return torch.isin(
        labels, torch.tensor([int(tissue) for tissue in TISSUES_OF[compartment]], dtype=labels.dtype)
    )
