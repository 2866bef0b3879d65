"""Patches: image and labels stay aligned through shift, scale, flip and view; noise is where the brain is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segmentation.network import Task, View
from segmentation.training.augment import NO_AUGMENTATION, Augmentation, augment_intensity, tighten_mask
from segmentation.training.patches import (
    bounding_box,
    grow_box,
    inside_box,
    place_patch,
    read_image,
    read_nearest,
)
from segmentation.training.sampling import BOX_MARGIN, PatchSource, Sampling, whole_region, working_box
from segmentation.types import SEQUENCES
from tests.segmentation.training_cases import ball_case, one_thread  # noqa: F401

GEOMETRY_ONLY = Augmentation(
    misregistration_chance=0.0,
    gain=(1.0, 1.0),
    offset=0.0,
    gamma=(1.0, 1.0),
    shading=0.0,
    noise=0.0,
    thick_slice_chance=0.0,
    tight_mask_chance=0.0,
    missing_t2_chance=0.0,
)


def test_an_unscaled_patch_is_a_plain_slice() -> None:
    image = torch.arange(2 * 10 * 10 * 10, dtype=torch.float32).reshape(2, 10, 10, 10)
    where = place_patch((5, 5, 5), (4, 4, 4), NO_AUGMENTATION, np.random.default_rng(0))
    assert torch.equal(read_image(image, where), image[:, 3:7, 3:7, 3:7])
    assert torch.equal(read_nearest(image[0], where), image[0, 3:7, 3:7, 3:7])


def test_a_ramp_read_at_half_steps_has_the_values_between() -> None:
    ramp = torch.arange(10, dtype=torch.float32).expand(1, 10, 10, 10)
    how = Augmentation(flip=False, scale=(0.5, 0.5))
    where = place_patch((5, 5, 5), (4, 4, 4), how, np.random.default_rng(0))
    assert read_image(ramp, where)[0, 0, 0].tolist() == [4.0, 4.5, 5.0, 5.5]


def test_only_left_and_right_are_flipped() -> None:
    image = torch.rand(1, 9, 9, 9)
    patches = [
        read_image(
            image, place_patch((4, 4, 4), (9, 9, 9), Augmentation(scale=(1, 1)), np.random.default_rng(seed))
        )
        for seed in range(12)
    ]
    flipped = sum(torch.equal(patch, image.flip(3)) for patch in patches)
    assert flipped + sum(torch.equal(patch, image) for patch in patches) == 12
    assert 0 < flipped < 12


def test_beyond_the_edge_there_is_no_label() -> None:
    where = place_patch((0, 4, 4), (6, 4, 4), NO_AUGMENTATION, np.random.default_rng(0))
    labels = read_nearest(torch.ones(9, 9, 9, dtype=torch.uint8), where)
    assert labels[:3].sum() == 0
    assert bool((labels[3:] == 1).all())


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("task", list(Task))
def test_image_and_target_stay_aligned(task: Task, view: View) -> None:
    """The case's own image shows the target: what is bright in the patch must be what is labelled."""
    case = ball_case(1)
    shown = torch.stack([_compartment(case.labels, task).half() * 10] * 4)
    case = type(case)(case.name, shown, case.brain, case.labels)
    source = PatchSource([case], task, view, Sampling((17, 24, 24), 2, augmentation=GEOMETRY_ONLY), seed=3)
    for iteration in range(4):
        batch = source.batch(iteration)
        bright = batch.image[:, 0, 4:-4] > 5
        inside = batch.weight > 0
        assert batch.target.shape == batch.image[:, 0, 4:-4].shape
        disagreeing = ((bright != (batch.target == 1)) & inside).sum() / inside.sum()
        assert disagreeing < 0.05  # partial voxels of a scaled edge
        assert (batch.target == 1).sum() > 0


def test_the_whole_region_holds_every_target_voxel_in_every_view() -> None:
    case = ball_case(2)
    for view in View:
        for task in Task:
            batch = whole_region(case, task, view, seed=0)
            assert int(batch.target.sum()) == int(_compartment(case.labels, task).sum())


def test_outside_brain_and_box_there_is_noise() -> None:
    case = ball_case(1)
    case = type(case)(case.name, torch.full_like(case.image, 7.0), case.brain, case.labels)
    batch = whole_region(case, Task.TUMOUR_CORE, View.AXIAL, seed=0)
    seen = batch.image[:, :, 4:-4]
    assert bool((seen[batch.weight.unsqueeze(1).expand_as(seen) > 0] == 7).all())
    noise = torch.cat((batch.image[:, :, :4].flatten(), batch.image[:, :, -4:].flatten()))
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(1, abs=0.1)


def test_one_seed_draws_one_batch_and_another_seed_another() -> None:
    cases = [ball_case(seed) for seed in range(3)]
    how = Sampling((17, 16, 16), 2, augmentation=Augmentation())
    first, again, other = (
        PatchSource(cases, Task.WHOLE_TUMOUR, View.AXIAL, how, seed).batch(5) for seed in (1, 1, 2)
    )
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.image, other.image)


def test_boxes_grow_within_the_image() -> None:
    mask = torch.zeros(10, 10, 10, dtype=torch.bool)
    mask[4:6, 0:3, 7] = True
    box = bounding_box(mask)
    assert box == ((4, 6), (0, 3), (7, 8))
    assert grow_box(box, np.full((3, 2), 3), (10, 10, 10)) == ((1, 9), (0, 6), (4, 10))
    where = place_patch((5, 5, 5), (10, 10, 10), NO_AUGMENTATION, np.random.default_rng(0))
    assert torch.equal(inside_box(where, box), mask.any(2)[:, :, None] & mask.any((0, 1)))
    assert bounding_box(torch.zeros(3, 3, 3, dtype=torch.bool)) is None


def test_the_working_box_of_the_core_is_that_of_the_whole_tumour() -> None:
    case = ball_case(4)
    expected = bounding_box(case.labels > 0)
    assert expected is not None
    box = working_box(case, Task.TUMOUR_CORE, np.zeros((3, 2), int))
    assert box == expected
    assert BOX_MARGIN == 5


def test_augmentation_switched_off_changes_nothing() -> None:
    image = torch.randn(4, 12, 12, 12)
    rng = np.random.default_rng(0)
    assert torch.equal(augment_intensity(image, NO_AUGMENTATION, rng, torch.Generator()), image)
    brain = torch.rand(5, 5, 5) > 0.5
    assert torch.equal(tighten_mask(brain, NO_AUGMENTATION, rng), brain)


def test_thick_slices_average_along_one_axis_and_keep_the_mean() -> None:
    how = Augmentation(
        gain=(1, 1), offset=0, gamma=(1, 1), shading=0, noise=0, thick_slice_chance=1.0, thickest_slice_mm=4
    )
    image = torch.randn(4, 24, 24, 24)
    blurred = augment_intensity(image, how, np.random.default_rng(0), torch.Generator())
    assert blurred.shape == image.shape
    assert float(blurred.std()) < 0.8 * float(image.std())
    assert float(blurred.mean()) == pytest.approx(float(image.mean()), abs=0.02)


def test_a_tight_mask_only_loses_voxels() -> None:
    brain = torch.zeros(12, 12, 12, dtype=torch.bool)
    brain[2:10, 2:10, 2:10] = True
    tight = tighten_mask(brain, Augmentation(tight_mask_chance=1.0), np.random.default_rng(0))
    assert int(tight.sum()) in (6**3, 4**3)
    assert bool((brain | ~tight).all())


def _compartment(labels: torch.Tensor, task: Task) -> torch.Tensor:
    return {Task.WHOLE_TUMOUR: labels > 0, Task.TUMOUR_CORE: (labels == 1) | (labels == 4)}.get(
        task, labels == 4
    )


def test_a_missing_t2_is_flat_and_the_other_sequences_stay() -> None:
    image = torch.randn(4, 6, 7, 8, generator=torch.Generator().manual_seed(1))
    how = replace(NO_AUGMENTATION, missing_t2_chance=1.0)
    changed = augment_intensity(image, how, np.random.default_rng(0), torch.Generator())
    assert not changed[SEQUENCES.index("t2")].any()
    assert torch.equal(changed[:3], image[:3])
