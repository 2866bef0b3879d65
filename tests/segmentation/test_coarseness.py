import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.coarseness import is_coarse
from segmentation.geometry import onto_grid
from segmentation.native import IDENTITY
from tests.segmentation.cascade_cases import ball_zyx, image, prepared_scan


@pytest.mark.parametrize("axis_xyz", [0, 1, 2])
@pytest.mark.parametrize("thickness", [3, 5])
def test_thick_slices_laid_on_cubes_are_told_whichever_way_they_run(axis_xyz, thickness):
    scan = prepared_scan()
    factors = [thickness if axis == axis_xyz else 1 for axis in range(3)]
    laid_out = onto_grid(sitk.BinShrink(scan.t1ce, factors), scan.t1ce, IDENTITY)
    assert is_coarse(laid_out, scan.brain_mask)


def test_cubes_are_not_coarse_nor_are_smooth_ones():
    scan = prepared_scan()
    assert not is_coarse(scan.t1ce, scan.brain_mask)
    assert not is_coarse(sitk.DiscreteGaussian(scan.t1ce, 1.0), scan.brain_mask)


def test_an_image_without_any_structure_is_not_called_coarse():
    brain = image(ball_zyx().astype(np.uint8))
    assert not is_coarse(sitk.Cast(brain, sitk.sitkFloat32), brain)
