import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.measure import RegionProbabilities
from segmentation.uncertainty import uncertainty_on_grid, voxel_uncertainty
from tests.segmentation.cascade_cases import image


def regions(whole, core=0.0, enhancing=0.0, shape=(6, 6, 6)):
    return RegionProbabilities(*(np.full(shape, p, np.float32) for p in (whole, core, enhancing)))


@pytest.mark.parametrize(("probability", "bits"), [(0, 0), (1, 0), (0.5, 1), (0.11, 0.5), (0.89, 0.5)])
def test_a_voxel_is_as_uncertain_as_the_entropy_of_its_probability(probability, bits):
    assert voxel_uncertainty(regions(probability)).max() == pytest.approx(bits, abs=2e-3)


def test_the_most_undecided_region_counts():
    assert voxel_uncertainty(regions(1.0, 1.0, 0.5)).min() == pytest.approx(1)


def test_the_map_lies_where_the_crop_was():
    prepared = image(np.zeros((20, 20, 20), np.float32))
    box_zyx = (slice(5, 11), slice(6, 12), slice(7, 13))
    found = uncertainty_on_grid(voxel_uncertainty(regions(0.5)), box_zyx, prepared, prepared)
    values_zyx = sitk.GetArrayFromImage(found)
    assert found.GetPixelID() == sitk.sitkFloat32
    assert values_zyx[box_zyx].min() == pytest.approx(1)
    assert values_zyx.sum() == pytest.approx(6**3)


def test_the_map_comes_back_on_thick_slices_of_another_facing():
    prepared = image(np.zeros((20, 20, 20), np.float32))
    native = sitk.DICOMOrient(prepared[:, :, ::4], "RAS")
    box_zyx = (slice(5, 15), slice(2, 8), slice(2, 8))
    crop_zyx = voxel_uncertainty(regions(0.5, shape=(10, 6, 6)))
    found = uncertainty_on_grid(crop_zyx, box_zyx, prepared, native)
    assert (found.GetSize(), found.GetDirection()) == (native.GetSize(), native.GetDirection())
    in_middle = found.TransformPhysicalPointToIndex(prepared.TransformIndexToPhysicalPoint((4, 4, 8)))
    assert found[in_middle] == pytest.approx(1)
    assert sitk.GetArrayViewFromImage(found).min() >= 0
