import numpy as np
import pytest

from segmentation.presence import LEAST_EVIDENCE, Regions, evidence_map
from segmentation.types import SEQUENCES

SIZE = (40, 48, 48)
CERTAIN, MADE_UP, BETWEEN = 0.97, 0.65, 0.89
T1CE = SEQUENCES.index("t1ce")


def box(z, y, x):
    mask_zyx = np.zeros(SIZE, bool)
    mask_zyx[slice(*z), slice(*y), slice(*x)] = True
    return mask_zyx


BRAIN = box((2, 38), (2, 46), (2, 46))
WHOLE, CORE = box((8, 32), (8, 32), (8, 32)), box((12, 28), (12, 28), (12, 28))
FOCUS = box((14, 19), (14, 19), (14, 19))  # 125 voxels: 0.1 mL
SPREAD = box((21, 27), (14, 27), (14, 27))  # 1014 voxels, apart from the focus


def images(bright_zyx, uptake=3.0):
    """Four z-scored images of noise, with contrast medium in some voxels."""
    channels_czyx = np.random.default_rng(0).standard_normal((4, *SIZE)).astype(np.float32)
    channels_czyx[T1CE] += uptake * 2**0.5 * bright_zyx  # t1ce minus t1 has a deviation of the root of 2
    return channels_czyx


def kept(pieces, channels_czyx):
    """What remains of the enhancing mask made of pieces with their probability."""
    probability_zyx = np.full(SIZE, 0.02, np.float32)
    for mask_zyx, probability in pieces:
        probability_zyx[mask_zyx] = probability
    regions = Regions(BRAIN, WHOLE, CORE, probability_zyx > 0.5)
    return certain_enhancement(regions, probability_zyx, channels_czyx)


def certain_enhancement(regions, probability_zyx, channels_czyx):
    return evidence_map(regions, probability_zyx, channels_czyx) >= LEAST_EVIDENCE


def test_a_certain_focus_of_a_tenth_of_a_millilitre_is_kept():
    assert np.array_equal(kept([(FOCUS, CERTAIN)], images(FOCUS)), FOCUS)


def test_enhancement_that_no_network_is_sure_of_goes_whatever_its_size():
    assert not kept([(SPREAD, MADE_UP)], images(SPREAD, uptake=0.5)).any()


def test_each_piece_is_judged_by_itself():
    both = [(FOCUS, CERTAIN), (SPREAD, MADE_UP)]
    assert np.array_equal(kept(both, images(FOCUS | SPREAD, uptake=1.0)), FOCUS)


def test_contrast_decides_where_the_networks_are_in_between():
    log_odds = np.log(BETWEEN / (1 - BETWEEN))
    assert LEAST_EVIDENCE - 0.5 < log_odds < LEAST_EVIDENCE
    assert kept([(FOCUS, BETWEEN)], images(FOCUS, uptake=5.0)).any()
    assert not kept([(FOCUS, BETWEEN)], images(FOCUS, uptake=0.0)).any()


def test_brightness_alone_makes_no_enhancing_tumour():
    assert not kept([(FOCUS, MADE_UP)], images(FOCUS, uptake=100.0)).any()


def test_a_lesion_without_oedema_is_compared_with_the_brain():
    regions = Regions(BRAIN, CORE, CORE, FOCUS)
    probability_zyx = np.where(FOCUS, np.float32(BETWEEN), np.float32(0.02))
    assert certain_enhancement(regions, probability_zyx, images(FOCUS, uptake=5.0)).any()
    assert not certain_enhancement(regions, probability_zyx, images(FOCUS, uptake=0.0)).any()


def test_a_lesion_that_fills_the_brain_is_no_failure():
    regions = Regions(BRAIN, BRAIN, BRAIN, FOCUS)
    probability_zyx = np.where(FOCUS, np.float32(CERTAIN), np.float32(0.02))
    assert np.array_equal(certain_enhancement(regions, probability_zyx, images(FOCUS)), FOCUS)


def test_nothing_enhancing_stays_nothing():
    assert not kept([], images(FOCUS)).any()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_probabilities_that_are_saturated_stay_finite(value):
    regions = Regions(BRAIN, WHOLE, CORE, FOCUS)
    found_zyx = certain_enhancement(regions, np.full(SIZE, value, np.float32), images(FOCUS))
    assert found_zyx.any() == (value == 1.0)
