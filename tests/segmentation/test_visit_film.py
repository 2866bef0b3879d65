"""The slices of a film strip against heads whose place is known by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.errors import BadGeometryError
from segmentation.visit_film import (
    SIZE_XYZ,
    STEP_MM,
    STILL,
    RigidMotion,
    motions_from,
    place_of_head,
    slices_at_levels,
)

MIDDLE = (SIZE_XYZ[2] - 1) // 2


def box_image(direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> sitk.Image:
    """A brain of 60 x 80 x 40 mm in voxels of 2 mm; its middle is not that of the image."""
    values_zyx = np.zeros((50, 60, 50), np.uint8)
    values_zyx[10:30, 10:50, 5:35] = 1
    image = sitk.GetImageFromArray(values_zyx)
    image.SetSpacing((2.0, 2.0, 2.0))
    image.SetDirection(direction)
    return image


def turned(angle: float, shift_mm: tuple[float, float, float]) -> sitk.Euler3DTransform:
    transform = sitk.Euler3DTransform()
    transform.SetCenter((10.0, -20.0, 30.0))
    transform.SetRotation(angle, 0.1, -angle)
    transform.SetTranslation(shift_mm)
    return transform


def test_levels_are_counted_from_the_middle_of_the_brain() -> None:
    brain = box_image()
    place = place_of_head(brain, brain)
    assert place.middle_mm == pytest.approx((39.0, 59.0, 39.0))
    assert place.level_of((0, 0, 39.0 + 0.5 * STEP_MM)) == MIDDLE + 1
    assert place.level_of((0, 0, 39.0 - 0.5 * STEP_MM)) == MIDDLE
    assert place.level_of((0, 0, 9999.0)) == SIZE_XYZ[2] - 1
    assert place.level_of((0, 0, -9999.0)) == 0


def test_a_sagittal_scan_is_cut_across_the_head() -> None:
    sagittal = box_image((0, 0, 1, 1, 0, 0, 0, -1, 0))
    place = place_of_head(sagittal)
    assert place.axes == pytest.approx((1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert place.grid.GetSize() == SIZE_XYZ


def test_each_level_shows_what_lies_there() -> None:
    brain = box_image()
    shown = slices_at_levels(brain, place_of_head(brain, brain), STILL, is_mask=True)
    assert shown.shape == SIZE_XYZ[::-1]
    areas_mm2 = shown.sum(axis=(1, 2))
    # 40 mm of brain hold 13 or 14 levels of 3 mm, each 60 by 80 mm.
    assert (areas_mm2 > 0).sum() in (13, 14)
    assert areas_mm2.max() == pytest.approx(60 * 80, rel=0.03)
    assert areas_mm2[MIDDLE] == areas_mm2.max()


def test_a_head_that_was_laid_otherwise_shows_the_same_at_the_same_level() -> None:
    brain = box_image()
    motion = RigidMotion.of(turned(0.2, (8.0, -6.0, 5.0)))
    moved = sitk.Resample(
        brain, place_of_head(brain, brain).grid, motion.back.as_transform, sitk.sitkNearestNeighbor
    )
    place = place_of_head(brain, brain)
    first, second = (
        slices_at_levels(image, place, how, is_mask=True) > 0
        for image, how in ((brain, STILL), (moved, motion))
    )
    overlap = 2 * (first & second).sum() / (first.sum() + second.sum())
    assert overlap > 0.93


def test_a_motion_and_its_way_back_are_nothing() -> None:
    transform = turned(0.3, (4.0, 5.0, -6.0))
    motion = RigidMotion.of(transform)
    point = (11.0, -7.0, 52.0)
    assert motion.moved(point) == pytest.approx(transform.TransformPoint(point))
    assert motion.then(motion.back).moved(point) == pytest.approx(point)
    assert motion.as_transform.TransformPoint(point) == pytest.approx(motion.moved(point))


def test_motions_are_chained_in_both_directions_and_end_where_nothing_is_known() -> None:
    one, two = RigidMotion.of(turned(0.1, (1.0, 0.0, 0.0))), RigidMotion.of(turned(-0.2, (0.0, 3.0, 0.0)))
    # As visits are joined: the third with the second, the second with the first; the fourth is on its own.
    known = [("third", "second", two), ("second", "first", one)]
    found = motions_from("first", known)
    assert set(found) == {"first", "second", "third"}
    point = (20.0, 30.0, -10.0)
    assert one.moved(found["second"].moved(point)) == pytest.approx(point)
    assert one.moved(two.moved(found["third"].moved(point))) == pytest.approx(point)
    assert set(motions_from("fourth", known)) == {"fourth"}
    assert motions_from("third", known)["first"].moved(point) == pytest.approx(one.moved(two.moved(point)))


def test_an_empty_outline_of_the_brain_is_refused() -> None:
    with pytest.raises(BadGeometryError, match="empty"):
        place_of_head(box_image(), box_image() * 0)
