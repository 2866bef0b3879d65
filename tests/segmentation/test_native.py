"""Labels back on the acquired grid: volumes are kept, geometry is exactly T1CE's."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.geometry import same_grid
from segmentation.native import labels_on_native_grid
from segmentation.types import Tissue

TISSUES = (Tissue.NONENHANCING_CORE, Tissue.OEDEMA, Tissue.ENHANCING)


def nested_ellipsoids(scale: float = 1.0) -> sitk.Image:
    """Oedema around an enhancing rim around a core, on 1 mm cubes."""
    z, y, x = np.mgrid[0:90, 0:100, 0:100].astype(np.float64)

    def inside(radii_mm: tuple[float, float, float]) -> np.ndarray:
        return (
            ((x - 48) / radii_mm[0]) ** 2 + ((y - 52) / radii_mm[1]) ** 2 + ((z - 44.5) / radii_mm[2]) ** 2
        ) <= 1

    labels_zyx = np.zeros(z.shape, np.uint8)
    for tissue, radii in (
        (Tissue.OEDEMA, (30, 24, 20)),
        (Tissue.ENHANCING, (16, 14, 12)),
        (Tissue.NONENHANCING_CORE, (13, 11, 9)),
    ):
        labels_zyx[inside(tuple(r * scale for r in radii))] = tissue  # type: ignore[arg-type]
    labels = sitk.GetImageFromArray(labels_zyx)
    labels.SetOrigin((-50.0, -50.0, -45.0))
    return labels


def native_grid(thickness_mm: float, tilt_rad: float) -> sitk.Image:
    spacing = (0.9, 0.9, thickness_mm)
    grid = sitk.Image(130, 130, round(120 / thickness_mm), sitk.sitkInt16)
    grid.SetSpacing(spacing)
    tilt = sitk.Euler3DTransform()
    tilt.SetRotation(tilt_rad, 0.1 * tilt_rad, 0.0)
    grid.SetDirection(tilt.GetMatrix())
    middle = grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in grid.GetSize()])
    grid.SetOrigin([-m for m in middle])
    return grid


def tissue_ml(labels: sitk.Image, tissue: Tissue) -> float:
    voxel_ml = float(np.prod(labels.GetSpacing())) / 1000
    return float((sitk.GetArrayViewFromImage(labels) == tissue).sum()) * voxel_ml


@pytest.mark.parametrize("thickness_mm", [1.0, 3.0, 5.5])
@pytest.mark.parametrize("tilt_rad", [0.0, 0.3])
def test_every_tissue_keeps_its_volume_on_thick_and_oblique_slices(
    thickness_mm: float, tilt_rad: float
) -> None:
    labels = nested_ellipsoids()
    grid = native_grid(thickness_mm, tilt_rad)
    native = labels_on_native_grid(labels, grid)
    assert same_grid(native, grid)
    assert native.GetPixelID() == sitk.sitkUInt8
    for tissue in TISSUES:
        assert tissue_ml(native, tissue) == pytest.approx(tissue_ml(labels, tissue), rel=0.02)


def test_the_tumour_stays_where_it_was() -> None:
    labels = nested_ellipsoids()
    native = labels_on_native_grid(labels, native_grid(5.5, 0.3))
    back = (
        sitk.GetArrayFromImage(sitk.Resample(native, labels, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
    )
    truth = sitk.GetArrayFromImage(labels) > 0
    assert 2 * (back & truth).sum() / (back.sum() + truth.sum()) > 0.9


def test_labels_on_the_same_grid_come_back_untouched() -> None:
    labels = nested_ellipsoids()
    assert np.array_equal(
        sitk.GetArrayFromImage(labels_on_native_grid(labels, labels)), sitk.GetArrayFromImage(labels)
    )


def test_a_lesion_much_thinner_than_a_slice_is_not_lost() -> None:
    labels = nested_ellipsoids(scale=0.2)
    native = labels_on_native_grid(labels, native_grid(5.5, 0.0))
    whole_ml = sum(tissue_ml(labels, tissue) for tissue in TISSUES)
    assert sum(tissue_ml(native, tissue) for tissue in TISSUES) == pytest.approx(whole_ml, rel=0.15)


def test_no_tumour_stays_no_tumour() -> None:
    empty = nested_ellipsoids() * 0
    assert sitk.GetArrayFromImage(labels_on_native_grid(empty, native_grid(5.5, 0.3))).max() == 0


def test_a_grid_axis_that_runs_the_other_way_keeps_the_side() -> None:
    labels = nested_ellipsoids()
    flipped_grid = sitk.Flip(labels, [True, False, True])
    native = labels_on_native_grid(labels, flipped_grid)
    assert np.array_equal(sitk.GetArrayFromImage(native), sitk.GetArrayFromImage(labels)[::-1, :, ::-1])
