import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.location import LANDMARKS_MNI, brain_frame, nearest_lobe
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
def test_textbook_places_beside_the_landmarks_have_their_lobe(point, lobe):
    assert nearest_lobe(np.array([point], float)) is lobe


def test_most_landmarks_are_named_right_by_the_others():
    named = [
        (lobe, nearest_lobe_without(point)) for lobe, points in LANDMARKS_MNI.items() for point in points
    ]
    assert sum(lobe is other for lobe, other in named) / len(named) > 0.75


def nearest_lobe_without(left_out):
    others = [(lobe, p) for lobe, points in LANDMARKS_MNI.items() for p in points if p != left_out]
    return min(others, key=lambda one: np.linalg.norm(np.subtract(one[1], left_out)))[0]


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
