"""Shapes, mixtures and signal equations against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.phantom.acquisition import SeriesGrid, rician, sample
from segmentation.phantom.geometry import Field, Mesh, RandomField, both, either, ellipsoid, tube
from segmentation.phantom.layers import layer, paint
from segmentation.phantom.signal import (
    RELAXATION,
    Material,
    Relaxation,
    inversion_recovery,
    mprage,
    nulling_time_ms,
    signal,
    spin_echo,
)

FIELD = Field.between((-30, -30, -30), (30, 30, 30), 1.0)


def volume_ml(depth: np.ndarray) -> float:
    whole = layer(Material.GREY, FIELD.whole(), depth, FIELD)
    return float(whole.coverage.sum() / 255 / 1000)


def test_a_ball_has_the_volume_of_a_ball() -> None:
    depth = ellipsoid(FIELD.mesh(FIELD.whole()), (1, -2, 3), (20, 20, 20))
    assert volume_ml(depth) == pytest.approx(4 / 3 * np.pi * 8, rel=0.005)


def test_an_ellipsoid_has_the_volume_of_an_ellipsoid() -> None:
    depth = ellipsoid(FIELD.mesh(FIELD.whole()), (0, 0, 0), (10, 15, 25))
    assert volume_ml(depth) == pytest.approx(4 / 3 * np.pi * 3.75, rel=0.01)


def test_a_tube_is_a_cylinder_with_round_ends() -> None:
    depth = tube(FIELD.mesh(FIELD.whole()), ((0, 0, -15), (0, 0, 15)), (6, 6))
    expected = np.pi * 36 * 30 + 4 / 3 * np.pi * 216
    assert volume_ml(depth) == pytest.approx(expected / 1000, rel=0.01)


def test_a_blend_fills_creases_and_rounds_edges() -> None:
    a, b = np.float32([3.0, 1.0]), np.float32([3.0, -9.0])
    assert either(a, b).tolist() == [3.0, 1.0]
    assert either(a, b, 4)[0] == pytest.approx(4.0)
    assert both(a, b, 4)[0] == pytest.approx(2.0)
    assert both(a, b, 4)[1] == -9.0


def test_a_half_filled_voxel_has_the_mean_signal() -> None:
    table = np.zeros((len(Material), 1), np.float32)
    table[Material.WHITE], table[Material.GREY] = 10, 20
    everywhere = layer(Material.WHITE, FIELD.whole(), np.full((61, 61, 61), 9, np.float32), FIELD)
    half = layer(Material.GREY, FIELD.whole(), np.zeros((61, 61, 61), np.float32), FIELD)
    canvas = paint(np.zeros((1, 61, 61, 61), np.float32), [everywhere, half], table)
    assert canvas == pytest.approx(15.0, abs=0.05)


def test_a_random_field_has_unit_variance_and_its_wavelength() -> None:
    drawn = RandomField.draw(np.random.default_rng(3), 20.0, bandwidth=0.1)
    assert drawn.values_zyx.std() == pytest.approx(1.0, abs=1e-3)
    power = np.abs(np.fft.fftn(drawn.values_zyx)) ** 2
    frequency = np.fft.fftfreq(64, drawn.pitch_mm)
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(frequency, frequency, frequency)))
    assert (radius * power).sum() / power.sum() == pytest.approx(1 / 20, rel=0.05)


def test_a_random_field_reads_the_same_on_a_grid_and_at_points() -> None:
    drawn = RandomField.draw(np.random.default_rng(4), 15.0)
    mesh = FIELD.mesh(FIELD.box((-20, -10, -29), (20, 29, 5)))
    scattered = Mesh(*(np.array(axis) for axis in np.broadcast_arrays(mesh.x, mesh.y, mesh.z)))
    assert mesh.is_grid()
    assert not scattered.is_grid()
    np.testing.assert_allclose(drawn.at(mesh), drawn.at(scattered), atol=1e-3)


def test_spin_echo_at_long_repetition_and_no_echo_time_is_proton_density() -> None:
    tissue = Relaxation(800, 80, 0.7)
    assert spin_echo(tissue, 1e6, 0) == pytest.approx(0.7)
    assert spin_echo(tissue, 1e6, 80) == pytest.approx(0.7 / np.e)


def test_the_nulling_time_nulls() -> None:
    csf = RELAXATION[Material.CSF]
    assert inversion_recovery(csf, 6000, nulling_time_ms(csf.t1_ms, 6000), 100) == pytest.approx(0, abs=1e-9)


def test_mprage_agrees_with_a_pulse_by_pulse_simulation() -> None:
    t1_ms, repetition_ms, inversion_ms, flip = 1200.0, 2200.0, 900.0, np.deg2rad(15)
    echoes, spacing_ms = 160, 7.4
    train_ms = echoes * spacing_ms
    along_z, at_centre = 1.0, 0.0
    for _ in range(30):
        along_z = 1 - (1 + along_z) * np.exp(-(inversion_ms - train_ms / 2) / t1_ms)
        for echo in range(echoes):
            if echo == echoes // 2:
                at_centre = along_z
            along_z = 1 - (1 - along_z * np.cos(flip)) * np.exp(-spacing_ms / t1_ms)
        along_z = 1 - (1 - along_z) * np.exp(-(repetition_ms - inversion_ms - train_ms / 2) / t1_ms)
    tissue = Relaxation(t1_ms, 1e9, 1.0)
    expected = abs(at_centre) * np.sin(flip)
    assert mprage(tissue, t1_ms, repetition_ms, inversion_ms, 15, 0) == pytest.approx(expected, rel=0.01)


def test_contrast_shortens_t1_and_brightens_the_rim() -> None:
    assert signal(Material.ENHANCING, "t1ce") > 1.5 * signal(Material.WHITE, "t1ce")
    assert signal(Material.ENHANCING, "t1") < signal(Material.WHITE, "t1")
    assert signal(Material.CHOROID, "t1ce") > 1.5 * signal(Material.GREY, "t1ce")


@pytest.mark.parametrize("sequence", ["flair", "t1", "t1ce", "t2"])
def test_white_matter_is_near_one_in_every_sequence(sequence: str) -> None:
    assert 0.8 < signal(Material.WHITE, sequence) < 1.25


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="swi"):
        signal(Material.WHITE, "swi")


def test_thick_slices_are_averages_over_their_thickness() -> None:
    ramp = FIELD.image(np.broadcast_to(np.arange(61, dtype=np.float32)[:, None, None], (61, 61, 61)).copy())
    grid = SeriesGrid((11, 11, 5), (1.0, 1.0, 5.0), "z", (0.0, 0.0, 0.0), 0.0).reference()
    values = sample(ramp, grid, sitk.Transform(3, sitk.sitkIdentity))
    # Slices are centred on z = -10, -5, 0, 5, 10; the ramp is z + 30.
    assert values[:, 5, 5] == pytest.approx([20, 25, 30, 35, 40])


@pytest.mark.parametrize("plane", ["x", "z"])
def test_a_series_is_centred_where_it_should_be(plane: str) -> None:
    image = SeriesGrid((21, 31, 11), (1.0, 1.0, 2.0), plane, (3.0, -4.0, 5.0), 7.0).reference()
    assert image.TransformContinuousIndexToPhysicalPoint([10, 15, 5]) == pytest.approx((3, -4, 5))
    assert np.linalg.det(np.array(image.GetDirection()).reshape(3, 3)) == pytest.approx(1)


def test_noise_in_air_is_rayleigh_and_in_tissue_gaussian() -> None:
    rng = np.random.default_rng(6)
    air = rician(np.zeros((50, 50, 50), np.float32), 0.1, rng)
    tissue = rician(np.ones((50, 50, 50), np.float32), 0.05, rng)
    assert air.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)
    assert tissue.std() == pytest.approx(0.05, rel=0.02)
