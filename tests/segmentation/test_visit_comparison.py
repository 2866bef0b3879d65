"""What grew and shrank between two label maps, and T1CE minus T1, on images whose answer is arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.errors import BadGeometryError
from segmentation.types import Tissue
from segmentation.visit_comparison import Difference, brought_to_later, difference_of, subtracted

NOTHING = sitk.Transform(3, sitk.sitkIdentity)


def image(values_zyx):
    return sitk.GetImageFromArray(np.asarray(values_zyx))


def row(*labels):
    return image(np.array([[labels]], np.uint8))


def test_every_pair_of_labels_has_its_kind():
    core, oedema, enhancing = Tissue.NONENHANCING_CORE, Tissue.OEDEMA, Tissue.ENHANCING
    now = row(enhancing, enhancing, oedema, 0, oedema, 0, core, 0)
    then = row(0, enhancing, enhancing, enhancing, 0, oedema, oedema, 0)
    assert sitk.GetArrayFromImage(difference_of(now, then)).ravel().tolist() == [
        Difference.ENHANCING_GROWN,
        Difference.ENHANCING_STABLE,
        Difference.ENHANCING_SHRUNK,
        Difference.ENHANCING_SHRUNK,
        Difference.OTHER_GROWN,
        Difference.OTHER_SHRUNK,
        Difference.OTHER_STABLE,
        0,
    ]


def test_maps_of_two_grids_are_refused():
    with pytest.raises(BadGeometryError, match="one grid"):
        difference_of(row(1, 2), row(1, 2, 4))


def test_the_earlier_visit_is_moved_to_where_the_later_one_is():
    then = row(0, 0, Tissue.ENHANCING, 0)
    lies = sitk.TranslationTransform(3, (1.0, 0.0, 0.0))
    moved, labels = brought_to_later(row(0, 0, 0, 0), then, then, lies)
    assert sitk.GetArrayFromImage(labels).ravel().tolist() == [0, Tissue.ENHANCING, 0, 0]
    assert sitk.GetArrayFromImage(moved).ravel().tolist() == [0, Tissue.ENHANCING, 0, 0]


def test_only_what_took_up_contrast_is_left_when_brightness_differs():
    rng = np.random.default_rng(1)
    t1_zyx = rng.uniform(80, 120, (6, 8, 8)).astype(np.float32)
    t1ce_zyx = 3 * t1_zyx + 50
    t1ce_zyx[2:4, 2:4, 2:4] += 200
    labels_zyx = np.zeros(t1_zyx.shape, np.uint8)
    labels_zyx[2:4, 2:4, 2:4] = Tissue.ENHANCING
    brain_zyx = np.ones(t1_zyx.shape, np.uint8)
    brain_zyx[0] = 0
    left = subtracted(image(t1ce_zyx), image(t1_zyx), image(brain_zyx), image(labels_zyx), NOTHING)
    left_zyx = sitk.GetArrayFromImage(left)
    assert left_zyx[labels_zyx > 0] == pytest.approx(200, abs=0.1)
    assert left_zyx[(labels_zyx == 0) & (brain_zyx > 0)] == pytest.approx(0, abs=0.1)
    assert not left_zyx[0].any()


def test_a_t1_that_shows_another_place_is_refused():
    ones = image(np.ones((3, 3, 3), np.float32))
    whole = image(np.ones((3, 3, 3), np.uint8))
    away = sitk.TranslationTransform(3, (50.0, 0.0, 0.0))
    with pytest.raises(BadGeometryError, match="no healthy brain"):
        subtracted(ones, ones, whole, image(np.zeros((3, 3, 3), np.uint8)), away)
