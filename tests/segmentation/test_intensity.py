import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.errors import BadGeometryError, BadInputError
from segmentation.intensity import bounding_box, network_input
from segmentation.types import SEQUENCES
from tests.segmentation.cascade_cases import SIZE_ZYX, ball_zyx, image, prepared_scan, with_image, with_voxels


def voxels(scan, name):
    return sitk.GetArrayFromImage(getattr(scan, name))


def test_each_sequence_has_mean_zero_and_deviation_one_over_the_brain():
    made = network_input(prepared_scan())
    inside = made.channels_czyx[:, made.brain_zyx]
    assert np.allclose(inside.mean(axis=1), 0, atol=1e-5)
    assert np.allclose(inside.std(axis=1), 1, atol=1e-5)


def test_the_background_is_normal_noise_and_the_same_every_time():
    first, second = network_input(prepared_scan()), network_input(prepared_scan())
    outside = first.channels_czyx[:, ~first.brain_zyx]
    assert abs(outside.mean()) < 0.05
    assert abs(outside.std() - 1) < 0.05
    assert np.array_equal(first.channels_czyx, second.channels_czyx)


def test_the_crop_is_the_brain_with_a_margin_of_five():
    made = network_input(prepared_scan())
    assert made.box_zyx == (slice(7, 55), slice(10, 58), slice(9, 57))
    assert bounding_box(ball_zyx(), 0) == (slice(12, 50), slice(15, 53), slice(14, 52))


def test_a_scaled_sequence_gives_the_same_input():
    scan = prepared_scan()
    scaled = with_voxels(scan, "t2", 7 * voxels(scan, "t2"))
    assert np.allclose(network_input(scan).channels_czyx, network_input(scaled).channels_czyx, atol=1e-4)


@pytest.mark.parametrize("name", SEQUENCES)
def test_nan_is_refused_with_the_name_of_the_sequence(name):
    scan = prepared_scan()
    array_zyx = voxels(scan, name)
    array_zyx[31, 34, 33] = np.nan
    with pytest.raises(BadInputError, match=f"The {name} image.*NaN"):
        network_input(with_voxels(scan, name, array_zyx))


def test_an_empty_sequence_is_refused():
    scan = prepared_scan()
    with pytest.raises(BadInputError, match="The flair image is empty"):
        network_input(with_voxels(scan, "flair", 0 * voxels(scan, "flair")))


def test_a_constant_sequence_is_refused():
    scan = prepared_scan()
    with pytest.raises(BadInputError, match="The t1 image has one single value"):
        network_input(with_voxels(scan, "t1", 5.0 * (voxels(scan, "t1") != 0)))


def test_a_sequence_on_another_grid_is_refused():
    scan = prepared_scan()
    moved = sitk.Image(scan.t2)
    moved.SetOrigin((0.0, 0.0, 0.0))
    with pytest.raises(BadGeometryError, match="The t2 image is not on the grid of t1ce"):
        network_input(with_image(scan, "t2", moved))
    with pytest.raises(BadGeometryError, match="The t2 image is not on the grid of t1ce"):
        network_input(with_image(scan, "t2", scan.t2[:, :, 1:]))


def test_thick_slices_are_not_prepared_images():
    scan = prepared_scan()
    for name in (*SEQUENCES, "brain_mask"):
        getattr(scan, name).SetSpacing((1.0, 1.0, 5.0))
    with pytest.raises(BadGeometryError, match="--input native"):
        network_input(scan)


def test_images_without_brain_are_refused():
    scan = prepared_scan()
    with pytest.raises(BadInputError, match="no brain"):
        network_input(with_image(scan, "brain_mask", image(np.zeros(SIZE_ZYX, np.uint8))))


def test_images_with_skull_are_refused():
    size_zyx = (160, 160, 160)
    full = image(np.ones(size_zyx, np.uint8))
    scan = prepared_scan()
    for name in SEQUENCES:
        scan = with_image(scan, name, sitk.Cast(full, sitk.sitkFloat32))
    with pytest.raises(BadInputError, match="skull-stripped"):
        network_input(with_image(scan, "brain_mask", full))
