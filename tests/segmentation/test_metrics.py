import math

import numpy as np
import pytest

from segmentation.metrics import dice, hd95_mm, jaccard
from segmentation.view_agreement import predicted_dice


def cube(first, last, size=20):
    mask_zyx = np.zeros((size, size, size), bool)
    mask_zyx[first:last, first:last, first:last] = True
    return mask_zyx


NOTHING = np.zeros((20, 20, 20), bool)


def test_overlap_of_shifted_slabs():
    a, b = NOTHING.copy(), NOTHING.copy()
    a[0:10], b[5:15] = True, True
    assert dice(a, b) == pytest.approx(0.5)
    assert jaccard(a, b) == pytest.approx(1 / 3)


def test_two_empty_masks_agree_and_one_empty_mask_does_not():
    assert (dice(NOTHING, NOTHING), jaccard(NOTHING, NOTHING)) == (1, 1)
    assert (dice(NOTHING, cube(5, 9)), jaccard(cube(5, 9), NOTHING)) == (0, 0)
    assert hd95_mm(NOTHING, NOTHING, (1, 1, 1)) == 0
    assert hd95_mm(NOTHING, cube(5, 9), (1, 1, 1)) == math.inf


def test_the_distance_of_equal_masks_is_zero():
    assert hd95_mm(cube(5, 9), cube(5, 9), (1, 1, 1)) == 0


def test_the_distance_between_two_planes_is_their_gap_in_millimetres():
    a, b = NOTHING.copy(), NOTHING.copy()
    a[4], b[10] = True, True
    assert hd95_mm(a, b, (2.5, 1, 1)) == pytest.approx(15.0)


def test_a_lone_far_voxel_does_not_set_the_distance():
    far = cube(5, 15)
    far[0, 0, 0] = True
    assert hd95_mm(cube(5, 15), far, (1, 1, 1)) == 0


def test_views_that_agree_predict_a_dice_of_one():
    region = cube(5, 15).astype(np.float32)
    assert predicted_dice([np.stack([region, region, region])]) == 1


def test_views_that_disagree_predict_less():
    agreed = np.stack([cube(5, 15)] * 3).astype(np.float32)
    one_blind = agreed.copy()
    one_blind[2] = 0
    assert predicted_dice([one_blind]) == pytest.approx(1 / 3)
    assert predicted_dice([agreed, one_blind]) == pytest.approx(2 / 3)
