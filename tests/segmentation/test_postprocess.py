import numpy as np
import pytest

from segmentation.postprocess import (
    close,
    core_region,
    fuse,
    large_components,
    main_components,
    whole_tumour_region,
)
from segmentation.types import Tissue

SIZE = (40, 40, 40)


def box(z, y, x, size_zyx=SIZE):
    mask_zyx = np.zeros(size_zyx, bool)
    mask_zyx[slice(*z), slice(*y), slice(*x)] = True
    return mask_zyx


NOTHING = np.zeros(SIZE, bool)
BIG = box((5, 25), (5, 25), (5, 25))  # 8000 voxels
SMALL = box((30, 36), (30, 36), (30, 36))  # 216 voxels


def test_islands_are_dropped_beside_a_large_lesion():
    assert np.array_equal(large_components(BIG | SMALL, 2000), BIG)


def test_the_largest_is_kept_where_all_components_are_small():
    speck = box((1, 3), (1, 3), (1, 3))
    assert np.array_equal(large_components(SMALL | speck, 2000), SMALL)


def test_an_empty_mask_stays_empty():
    assert not large_components(NOTHING, 2000).any()
    assert not main_components(NOTHING).any()
    assert not core_region(NOTHING).any()
    assert not whole_tumour_region(NOTHING).any()
    assert not fuse(NOTHING, NOTHING, NOTHING).any()


def test_a_speck_is_no_tumour():
    assert not whole_tumour_region(box((1, 5), (1, 5), (1, 5))).any()
    assert whole_tumour_region(box((1, 6), (1, 6), (1, 6))).any()


def test_the_second_component_is_kept_above_a_tenth_of_the_first():
    tenth = box((28, 38), (28, 36), (28, 38))  # 800 of 8000
    more = box((28, 38), (28, 37), (28, 38))  # 900 of 8000
    assert np.array_equal(main_components(BIG | tenth), BIG)
    assert np.array_equal(main_components(BIG | more), BIG | more)
    assert np.array_equal(main_components(BIG | more | box((0, 2), (0, 2), (0, 2))), BIG | more)


def test_closing_does_not_erode_at_the_edge():
    edge = box((0, 10), (0, 40), (0, 40))
    assert np.array_equal(close(edge), edge)


def test_closing_fills_a_hole_of_one_voxel():
    holed = BIG.copy()
    holed[15, 15, 15] = False
    assert np.array_equal(close(holed), BIG)


def test_regions_are_nested_in_the_label_map():
    core = box((10, 20), (10, 20), (10, 20))
    enhancing = box((12, 16), (12, 16), (12, 16))
    labels_zyx = fuse(BIG, core, enhancing)
    counts = {tissue: int((labels_zyx == tissue).sum()) for tissue in Tissue}
    assert counts == {
        Tissue.BACKGROUND: 64000 - 8000,
        Tissue.OEDEMA: 8000 - 1000,
        Tissue.NONENHANCING_CORE: 1000 - 64,
        Tissue.ENHANCING: 64,
    }


@pytest.mark.parametrize(("side", "kept"), [(3, False), (4, True)])
def test_fewer_than_thirty_enhancing_voxels_are_none(side, kept):
    core = box((10, 20), (10, 20), (10, 20))
    enhancing = box((12, 12 + side), (12, 12 + side), (12, 12 + side))
    assert bool((fuse(BIG, core, enhancing) == Tissue.ENHANCING).any()) is kept


def test_a_core_mostly_outside_the_whole_tumour_is_dropped():
    outside = box((20, 35), (10, 20), (10, 20))  # a third of it lies in BIG
    labels_zyx = fuse(BIG, outside, NOTHING)
    assert not (labels_zyx == Tissue.NONENHANCING_CORE).any()


def test_a_core_mostly_inside_widens_the_whole_tumour():
    inside = box((10, 28), (10, 20), (10, 20))
    labels_zyx = fuse(BIG, inside, NOTHING)
    assert (labels_zyx == Tissue.NONENHANCING_CORE).sum() == inside.sum()
    assert (labels_zyx > 0).sum() == (BIG | inside).sum()


def test_a_small_tumour_alone_is_kept():
    assert (fuse(SMALL, NOTHING, NOTHING) == Tissue.OEDEMA).sum() == SMALL.sum()
