import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.lobe_atlas import lobe_of_region, nearest_lobe, region_names
from segmentation.location import brain_frame
from segmentation.phantom import make_prepared_case
from segmentation.types import Hemisphere, Lobe
from tests.segmentation.cascade_cases import image
from tests.segmentation.test_lesions import ellipsoid_zyx


def at(frame, mask_zyx, grid):
    x, y, z = np.argwhere(mask_zyx)[:, ::-1].T
    return frame.place_of(np.column_stack([x, y, z]) + np.array(grid.GetOrigin()))


@pytest.mark.parametrize("yaw_degrees", [-12, 0, 12])
def test_the_plane_of_symmetry_follows_a_turned_head(yaw_degrees):
    brain = image(ellipsoid_zyx((40, 50, 45), (36, 46, 36)).astype(np.uint8))
    turn = sitk.Euler3DTransform(brain.TransformContinuousIndexToPhysicalPoint([45, 50, 40]), 0, 0, 0)
    turn.SetRotation(0, 0, float(np.deg2rad(yaw_degrees)))
    turned = sitk.Resample(brain, brain, turn, sitk.sitkNearestNeighbor)
    left = image(ellipsoid_zyx((40, 20, 51), (4, 4, 4)).astype(np.uint8))  # 6 mm left of the plane, in front
    lesion_zyx = sitk.GetArrayFromImage(sitk.Resample(left, left, turn, sitk.sitkNearestNeighbor)) > 0
    assert at(brain_frame(turned), lesion_zyx, brain).hemisphere is Hemisphere.LEFT


def test_a_lesion_across_the_middle_is_of_both_sides():
    brain = image(ellipsoid_zyx((40, 50, 45), (38, 48, 42)).astype(np.uint8))
    assert at(brain_frame(brain), ellipsoid_zyx((40, 50, 46), (6, 6, 6)), brain).hemisphere is Hemisphere.BOTH


@pytest.mark.parametrize(
    ("point", "lobe"),
    [
        ((-44, 36, 20), Lobe.FRONTAL),
        ((-40, 8, 30), Lobe.FRONTAL),
        ((-64, -24, -10), Lobe.TEMPORAL),
        ((-28, -6, -28), Lobe.TEMPORAL),
        ((-30, -58, 52), Lobe.PARIETAL),
        ((-54, -50, 40), Lobe.PARIETAL),
        ((-20, -92, 4), Lobe.OCCIPITAL),
        ((-14, -20, 6), Lobe.DEEP),
        ((-28, -66, -44), Lobe.CEREBELLUM),
        ((0, -30, -26), Lobe.BRAINSTEM),
    ],
)
@pytest.mark.parametrize("side", [-1, 1])
def test_textbook_places_have_their_lobe_on_both_sides(point, lobe, side):
    assert nearest_lobe(np.array([point]) * np.array([float(side), 1.0, 1.0])) is lobe


def test_every_region_of_the_atlas_has_a_lobe():
    names = region_names()
    assert len(names) >= 166
    assert {lobe_of_region(name) for name in names.values()} == set(Lobe)
    with pytest.raises(KeyError):
        lobe_of_region("Atlantis_L")


def test_a_lesion_over_two_lobes_is_of_the_one_that_holds_more():
    occipital, parietal = np.tile([[20.0, -92.0, 4.0]], (3, 1)), np.tile([[30.0, -58.0, 52.0]], (2, 1))
    assert nearest_lobe(np.concatenate([occipital, parietal])) is Lobe.OCCIPITAL
    assert nearest_lobe(np.concatenate([occipital, parietal, parietal])) is Lobe.PARIETAL


def test_front_back_and_below_of_a_head_are_told_apart():
    prepared, _ = make_prepared_case(5, visit=1)
    brain = sitk.DICOMOrient(prepared.brain_mask, "LPS")
    frame = brain_frame(brain)
    mask_zyx = sitk.GetArrayFromImage(brain) > 0
    z, y, x = (np.flatnonzero(mask_zyx.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))

    def lobe_at(share_x, share_y, share_z):
        index = [
            axis[0] + share * (axis[-1] - axis[0])
            for axis, share in ((x, share_x), (y, share_y), (z, share_z))
        ]
        return frame.place_of(np.array([brain.TransformContinuousIndexToPhysicalPoint(index)])).lobe

    assert lobe_at(0.7, 0.1, 0.55) is Lobe.FRONTAL
    assert lobe_at(0.6, 0.97, 0.45) is Lobe.OCCIPITAL
    assert lobe_at(0.65, 0.75, 0.1) is Lobe.CEREBELLUM
    assert lobe_at(0.7, 0.72, 0.85) is Lobe.PARIETAL
    assert lobe_at(0.93, 0.5, 0.35) is Lobe.TEMPORAL
