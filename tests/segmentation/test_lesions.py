import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.lesions import find_lesions, largest_diameters, numbered_lesions
from segmentation.location import brain_frame
from segmentation.types import Hemisphere, Tissue
from tests.segmentation.cascade_cases import image

SIZE_ZYX = (80, 100, 90)


def ellipsoid_zyx(centre_zyx, radii_zyx, size_zyx=SIZE_ZYX):
    away = [(axis - c) / r for axis, c, r in zip(np.indices(size_zyx), centre_zyx, radii_zyx, strict=True)]
    return sum(part**2 for part in away) <= 1


@pytest.fixture(scope="module")
def frame():
    return brain_frame(image(ellipsoid_zyx((40, 50, 45), (38, 48, 42)).astype(np.uint8)))


def labelled(*parts):
    labels_zyx = np.zeros(SIZE_ZYX, np.uint8)
    for mask_zyx, tissue in parts:
        labels_zyx[mask_zyx] = tissue
    return image(labels_zyx)


def test_the_diameters_of_a_disk_are_its_diameter():
    disk_yx = ellipsoid_zyx((30, 30), (12.0, 12.0), (60, 60))
    found = largest_diameters(disk_yx, np.array([1.0, 1.0]))
    assert (found.long_mm, found.perpendicular_mm) == pytest.approx((24, 24), abs=1.2)


def test_an_ellipse_has_its_two_axes_in_millimetres():
    ellipse_yx = ellipsoid_zyx((40, 40), (10, 30), (80, 80))
    found = largest_diameters(ellipse_yx, np.array([2.0, 0.5]))
    # 20 voxels of 2 mm and 60 voxels of 0.5 mm
    assert (found.long_mm, found.perpendicular_mm) == pytest.approx((40, 30), abs=2)
    assert found.product_mm2 == pytest.approx(found.long_mm * found.perpendicular_mm)


def test_a_slanted_bar_is_measured_along_and_across_itself():
    y, x = np.indices((80, 80)) - 40.0
    along, across = (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)
    found = largest_diameters((abs(along) <= 20) & (abs(across) <= 3), np.array([1.0, 1.0]))
    assert found.long_mm == pytest.approx(np.hypot(40, 6), abs=1.5)
    assert found.perpendicular_mm < 13


def test_a_single_voxel_has_the_size_of_a_voxel():
    mask_yx = np.zeros((5, 5), bool)
    mask_yx[2, 2] = True
    assert largest_diameters(mask_yx, np.array([1.0, 1.0])).long_mm == pytest.approx(1)


def test_two_foci_in_one_oedema_are_two_lesions_that_share_it(frame):
    oedema = ellipsoid_zyx((40, 50, 45), (15, 20, 35))
    big, small = ellipsoid_zyx((40, 50, 25), (8, 8, 8)), ellipsoid_zyx((40, 50, 65), (5, 5, 5))
    lesions = find_lesions(
        labelled((oedema, Tissue.OEDEMA), (big, Tissue.ENHANCING), (small, Tissue.ENHANCING)), frame
    )
    assert [lesion.number for lesion in lesions] == [1, 2]
    assert lesions[0].enhancing_ml == pytest.approx(big.sum() / 1000)
    assert lesions[1].enhancing_ml == pytest.approx(small.sum() / 1000)
    shared_ml = (oedema & ~big & ~small).sum() / 1000
    assert lesions[0].oedema_ml + lesions[1].oedema_ml == pytest.approx(shared_ml)
    assert min(lesion.oedema_ml for lesion in lesions) > 0.2 * shared_ml


def test_a_ring_with_a_gap_is_one_lesion_measured_across(frame):
    outer, inner = ellipsoid_zyx((40, 50, 45), (12, 12, 12)), ellipsoid_zyx((40, 50, 45), (9, 9, 9))
    gap = np.zeros(SIZE_ZYX, bool)
    gap[:, :, 43:47] = True
    (lesion,) = find_lesions(
        labelled((outer, Tissue.ENHANCING), (inner | (outer & gap), Tissue.NONENHANCING_CORE)), frame
    )
    assert lesion.long_diameter_mm == pytest.approx(24, abs=1.5)
    assert lesion.is_measurable


def test_specks_are_no_lesions_but_lose_no_voxel(frame):
    core, speck = ellipsoid_zyx((40, 50, 30), (6, 6, 6)), ellipsoid_zyx((40, 50, 60), (1, 1, 1))
    (lesion,) = find_lesions(labelled((core, Tissue.ENHANCING), (speck, Tissue.ENHANCING)), frame)
    assert lesion.enhancing_ml == pytest.approx((core | speck).sum() / 1000)


def test_every_voxel_of_tumour_has_a_lesion():
    rng = np.random.default_rng(3)
    blobs_zyx = sum(ellipsoid_zyx(rng.uniform(10, 70, 3), rng.uniform(1, 9, 3)) for _ in range(12)) > 0
    labels_zyx = np.where(blobs_zyx, rng.choice([1, 2, 4], SIZE_ZYX), 0).astype(np.uint8)
    numbers_zyx = numbered_lesions(labels_zyx, np.array([1.0, 1.0, 1.0]))
    assert np.array_equal(numbers_zyx > 0, labels_zyx > 0)
    assert set(np.unique(numbers_zyx)) == set(range(numbers_zyx.max() + 1))


@pytest.mark.parametrize(
    ("radii_zyx", "measurable"),
    [((6, 7, 7), True), ((6, 4, 30), False), ((0.9, 15, 15), False)],
    ids=["round", "thin", "in one slice only"],
)
def test_measurable_is_a_test_of_shape_not_of_volume(frame, radii_zyx, measurable):
    core = ellipsoid_zyx((40, 50, 45), radii_zyx)
    (lesion,) = find_lesions(labelled((core, Tissue.ENHANCING)), frame)
    assert lesion.is_measurable is measurable


def test_what_does_not_enhance_has_no_diameters(frame):
    (lesion,) = find_lesions(labelled((ellipsoid_zyx((40, 50, 60), (9, 9, 9)), Tissue.OEDEMA)), frame)
    assert (lesion.long_diameter_mm, lesion.n_slices, lesion.is_measurable) == (0, 0, False)
    assert lesion.hemisphere is Hemisphere.LEFT  # x grows to the left


def test_the_same_lesion_on_thick_turned_slices_has_nearly_the_same_figures(frame):
    labels = labelled((ellipsoid_zyx((40, 50, 30), (12, 9, 15)), Tissue.ENHANCING))
    (fine,) = find_lesions(labels, frame)
    thick = sitk.DICOMOrient(labels[:, :, ::3], "RAS")
    (coarse,) = find_lesions(thick, frame)
    assert coarse.centre_mm_lps == pytest.approx(fine.centre_mm_lps, abs=1.5)
    assert coarse.long_diameter_mm == pytest.approx(
        fine.long_diameter_mm, abs=2
    )  # slices miss the widest one
    assert coarse.hemisphere is fine.hemisphere is Hemisphere.RIGHT
    assert coarse.n_slices == pytest.approx(fine.n_slices / 3, abs=1)


def test_no_tumour_has_no_lesions(frame):
    assert find_lesions(labelled(), frame) == ()
