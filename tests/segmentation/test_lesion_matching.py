"""Lesions followed over visits: made-up maps whose fates are known, and heads that moved between visits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.errors import BadGeometryError
from segmentation.geometry import corners_mm, crop, foreground_box, largest_distance_mm
from segmentation.lesion_matching import (
    LesionMatch,
    Matching,
    align,
    brought_over,
    lesion_places,
    match_lesions,
)
from segmentation.lesions import find_lesions, lesion_map
from segmentation.location import brain_frame
from segmentation.phantom.visits import PhantomVisit, make_visit
from segmentation.rigid_levels import turned_left_right
from segmentation.types import Fate, Tissue
from tests.segmentation import simple_head

SIZE_ZYX = (40, 60, 60)


def ball_zyx(centre_zyx, radius):
    return sum((axis - c) ** 2 for axis, c in zip(np.indices(SIZE_ZYX), centre_zyx, strict=True)) <= radius**2


def numbered(*balls, spacing_mm=(1.0, 1.0, 1.0)):
    """Balls numbered from 1, as a lesion map."""
    numbers_zyx = np.zeros(SIZE_ZYX, np.int32)
    for number, (centre_zyx, radius) in enumerate(balls, start=1):
        numbers_zyx[ball_zyx(centre_zyx, radius)] = number
    made = sitk.GetImageFromArray(numbers_zyx)
    made.SetSpacing(spacing_mm)
    return made


LEFT, RIGHT, MIDDLE = (20, 30, 12), (20, 30, 48), (20, 30, 30)


def test_lesions_in_their_places_keep_their_identity_however_they_are_numbered_and_sized():
    found = match_lesions(numbered((RIGHT, 9), (LEFT, 4)), numbered((LEFT, 6), (RIGHT, 6)))
    assert [(one.number, one.continues, one.fate) for one in found.lesions] == [
        (1, 2, Fate.SAME), (2, 1, Fate.SAME)
    ]  # fmt: skip
    assert found.vanished == ()


def test_a_lesion_far_from_all_others_is_new_and_one_without_a_trace_has_vanished():
    found = match_lesions(numbered((LEFT, 6), (MIDDLE, 5)), numbered((LEFT, 6), (RIGHT, 6)))
    assert [one.fate for one in found.lesions] == [Fate.SAME, Fate.NEW]
    assert found.vanished == (2,)


def test_of_two_pieces_the_one_with_more_of_the_lesion_keeps_its_number():
    before = numbered((MIDDLE, 14))
    found = match_lesions(numbered(((20, 30, 20), 4), ((20, 30, 40), 6)), before)
    assert [(one.continues, one.parents, one.fate) for one in found.lesions] == [
        (None, (1,), Fate.SPLIT), (1, (), Fate.SAME)
    ]  # fmt: skip


def test_grown_together_the_larger_keeps_its_number_and_the_other_is_named():
    found = match_lesions(numbered((MIDDLE, 16)), numbered(((20, 30, 20), 4), ((20, 30, 40), 6)))
    assert found.lesions == (LesionMatch(1, 2, (1,)),)
    assert found.lesions[0].fate == Fate.MERGED
    assert found.vanished == ()


def test_neighbours_that_grow_to_touch_are_not_merged():
    before = numbered(((20, 30, 20), 6), ((20, 30, 40), 6))
    grown = match_lesions(numbered(((20, 30, 22), 11), ((20, 30, 41), 6)), before)
    assert [(one.continues, one.parents) for one in grown.lesions] == [(1, ()), (2, ())]


@pytest.mark.parametrize(("gap_mm", "fate"), [(4, Fate.SAME), (7, Fate.NEW)])
def test_a_lesion_that_moved_a_little_is_known_by_its_nearness(gap_mm, fate):
    found = match_lesions(numbered(((20, 30, 20 + 6 + gap_mm), 3)), numbered(((20, 30, 20), 3)))
    assert found.lesions[0].fate == fate


def test_nearness_is_measured_in_millimetres_not_in_voxels():
    wide = (3.0, 1.0, 1.0)
    found = match_lesions(
        numbered(((20, 30, 29), 3), spacing_mm=wide), numbered(((20, 30, 20), 3), spacing_mm=wide)
    )
    assert found.lesions[0].fate == Fate.NEW


def test_a_near_lesion_does_not_swallow_one_that_has_its_own_successor():
    before = numbered(((20, 30, 20), 4), ((20, 30, 31), 4))
    found = match_lesions(numbered(((20, 30, 20), 5)), before)
    assert found.lesions == (LesionMatch(1, 1),)
    assert found.vanished == (2,)


def test_empty_maps_have_nothing_to_say():
    assert match_lesions(numbered(), numbered()) == Matching((), ())
    assert match_lesions(numbered(), numbered((LEFT, 5))).vanished == (1,)


def test_maps_of_two_grids_are_refused():
    other = sitk.Image(10, 10, 10, sitk.sitkInt32)
    with pytest.raises(BadGeometryError, match="one grid"):
        match_lesions(numbered(), other)


@pytest.mark.parametrize("seed", range(20))
def test_every_lesion_has_one_fate_and_no_identity_goes_to_two(seed):
    rng = np.random.default_rng(seed)

    def drawn():
        return numbered(*[(rng.integers((5, 5, 5), (35, 55, 55)), int(rng.integers(2, 9))) for _ in range(5)])

    later, earlier = drawn(), drawn()
    found = match_lesions(later, earlier)
    assert [one.number for one in found.lesions] == [
        int(one) for one in np.unique(sitk.GetArrayViewFromImage(later)) if one
    ]
    kept = [one.continues for one in found.lesions if one.continues is not None]
    assert len(kept) == len(set(kept))
    assert not set(found.vanished) & {*kept, *(parent for one in found.lesions for parent in one.parents)}


def test_places_are_the_cores_numbered_as_lesions_are_and_the_whole_where_there_is_no_core():
    labels_zyx = np.zeros(SIZE_ZYX, np.uint8)
    labels_zyx[ball_zyx(LEFT, 9)] = Tissue.OEDEMA
    labels_zyx[ball_zyx(LEFT, 4)] = Tissue.ENHANCING
    labels_zyx[ball_zyx(RIGHT, 5)] = Tissue.OEDEMA
    labels = sitk.GetImageFromArray(labels_zyx)
    labels.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    brain = sitk.GetImageFromArray(np.ones(SIZE_ZYX, np.uint8))
    brain.CopyInformation(labels)
    places_zyx = sitk.GetArrayFromImage(lesion_places(labels))
    assert np.array_equal(places_zyx == 1, ball_zyx(LEFT, 4))
    assert np.array_equal(places_zyx == 2, ball_zyx(RIGHT, 5))
    sizes = np.bincount(sitk.GetArrayFromImage(lesion_map(labels)).ravel())[1:]
    assert [
        one.enhancing_ml + one.oedema_ml for one in find_lesions(labels, brain_frame(brain))
    ] == pytest.approx((sizes / 1000).tolist())


MOTION = simple_head.pose((0.08, -0.06, 0.1), (6.0, -5.0, 8.0))
GRID = simple_head.grid((2.0, 2.0, 2.0))


def test_a_head_that_was_laid_otherwise_is_brought_back_and_its_lesion_with_it():
    brain = simple_head.brain_mask(GRID)
    found = align(simple_head.sample("t1ce", GRID), brain, simple_head.sample("t1ce", GRID, MOTION, seed=1))
    box = crop(brain, foreground_box(brain))
    assert largest_distance_mm(found.transform, MOTION, corners_mm(box)) < 0.5
    assert (found.is_sure, found.words) == (True, "")
    moved_labels, labels = lesion_labels(MOTION), lesion_labels(None)
    over = brought_over(lesion_places(moved_labels), labels, found.transform)
    both = sitk.LabelOverlapMeasuresImageFilter()
    both.Execute(over > 0, labels > 0)
    assert both.GetDiceCoefficient() > 0.95


def lesion_labels(motion):
    labels = sitk.GetImageFromArray(
        (simple_head.tissues(GRID, motion) == simple_head.LESION).astype(np.uint8)
        * np.uint8(Tissue.ENHANCING)
    )
    labels.CopyInformation(GRID)
    return labels


def test_a_mirrored_earlier_visit_is_not_believed():
    mirrored = turned_left_right(simple_head.sample("t1ce", GRID, seed=2))
    found = align(simple_head.sample("t1ce", GRID), simple_head.brain_mask(GRID), mirrored)
    assert not found.is_sure
    assert found.words


@pytest.fixture(scope="module")
def visits() -> list[PhantomVisit]:
    return [make_visit(2006, visit, spacing_mm=2.0) for visit in (1, 2, 3)]


def test_the_tumour_of_the_phantom_patient_stays_one_lesion_through_surgery_and_recurrence(visits):
    for earlier, later in pairwise(visits):
        found = align(later.scan.t1ce, later.brain_mask, earlier.scan.t1ce)
        assert found.is_sure
        places = brought_over(lesion_places(earlier.truth), later.truth, found.transform)
        matched = match_lesions(lesion_places(later.truth), places)
        assert matched.lesions[0].continues == 1
        assert matched.vanished == ()
