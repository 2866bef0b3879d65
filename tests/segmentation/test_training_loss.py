"""Losses against values worked out by hand."""

import math

import pytest
import torch

from segmentation.training.loss import segmentation_loss, soft_dice_loss


def certain(classes: torch.Tensor) -> torch.Tensor:
    """Logits (1, 2, ...) whose softmax is 1 for the given classes."""
    return torch.stack((1.0 - classes, classes.float())).unsqueeze(0) * 100 - 50


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.zeros(1, 1, 2, 4)
    target[..., :2] = 1  # four voxels of tumour, four of background
    return target


def test_a_perfect_answer_costs_nothing(target: torch.Tensor) -> None:
    assert soft_dice_loss(certain(target[0]), target).item() == pytest.approx(0, abs=1e-5)


def test_the_opposite_answer_costs_one(target: torch.Tensor) -> None:
    assert soft_dice_loss(certain(1 - target[0]), target).item() == pytest.approx(1, abs=1e-5)


def test_half_the_tumour_found_costs_what_arithmetic_says(target: torch.Tensor) -> None:
    found = target[0].clone()
    found[:, 1, :] = 0  # two of four tumour voxels
    tumour, background = 2 * 2 / (2 + 4), 2 * 4 / (6 + 4)
    assert soft_dice_loss(certain(found), target).item() == pytest.approx(
        1 - (tumour + background) / 2, abs=1e-5
    )


def test_an_undecided_answer_squares_its_probabilities(target: torch.Tensor) -> None:
    # p = 1/2 everywhere: overlap 4/2, squares 8/4 + 4, for both classes alike.
    expected = 1 - 2 * 2 / (2 + 4)
    assert soft_dice_loss(torch.zeros(1, 2, 1, 2, 4), target).item() == pytest.approx(expected, abs=1e-5)


def test_voxels_of_weight_zero_do_not_count(target: torch.Tensor) -> None:
    found, weight = target[0].clone(), torch.ones(1, 1, 2, 4)
    found[:, 1, :] = 1 - found[:, 1, :]
    weight[:, :, 1, :] = 0
    assert soft_dice_loss(certain(found), target, weight).item() == pytest.approx(0, abs=1e-5)


def test_cross_entropy_is_added_with_its_weight(target: torch.Tensor) -> None:
    logits, weight = torch.zeros(1, 2, 1, 2, 4), torch.ones(1, 1, 2, 4)
    added = segmentation_loss(logits, target, weight, 0.5) - segmentation_loss(logits, target, weight, 0.0)
    assert added.item() == pytest.approx(0.5 * math.log(2), abs=1e-5)
