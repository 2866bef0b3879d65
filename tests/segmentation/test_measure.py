import numpy as np
import pytest

from segmentation.interval import IntervalCalibration
from segmentation.measure import (
    RegionProbabilities,
    by_quantity,
    label_volumes_ml,
    reach,
    tumour_volumes,
    volume_bands,
)
from segmentation.types import Tissue
from tests.segmentation.cascade_cases import image


def nested_zyx():
    """20 mm cube of oedema, in it 10 mm of core, in it 5 mm of enhancement."""
    labels_zyx = np.zeros((40, 40, 40), np.uint8)
    labels_zyx[10:30, 10:30, 10:30] = Tissue.OEDEMA
    labels_zyx[15:25, 15:25, 15:25] = Tissue.NONENHANCING_CORE
    labels_zyx[18:23, 18:23, 18:23] = Tissue.ENHANCING
    return labels_zyx


def certain(labels_zyx):
    """Probabilities without doubt."""
    return RegionProbabilities(
        (labels_zyx > 0).astype(np.float32),
        np.isin(labels_zyx, (1, 4)).astype(np.float32),
        (labels_zyx == 4).astype(np.float32),
    )


def test_a_cube_of_ten_millimetres_is_one_millilitre():
    labels_zyx = np.zeros((30, 30, 30), np.uint8)
    labels_zyx[5:25, 5:25, 5:25] = Tissue.ENHANCING
    labels = image(labels_zyx)
    labels.SetSpacing((0.5, 0.5, 0.5))
    assert label_volumes_ml(labels)["ET"] == pytest.approx(1.0)


def test_compartments_are_nested_sums_of_the_labels():
    volumes_ml = label_volumes_ml(image(nested_zyx()))
    assert volumes_ml == pytest.approx(
        {"WT": 8.0, "TC": 1.0, "ET": 0.125, "oedema": 7.0, "nonenhancing_core": 0.875}
    )


def test_thick_slices_count_with_their_thickness():
    labels = image(nested_zyx())
    labels.SetSpacing((1.0, 1.0, 5.0))
    assert label_volumes_ml(labels)["WT"] == pytest.approx(40.0)


def test_probabilities_without_doubt_have_no_reach():
    labels_zyx = nested_zyx()
    found = reach(labels_zyx, certain(labels_zyx), voxel_ml=0.001)
    assert set(found.less_ml.values()) == {0.0}
    assert set(found.more_ml.values()) == {0.0}


def test_a_doubtful_rim_is_the_reach():
    labels_zyx = nested_zyx()
    sure = certain(labels_zyx)
    sure.whole_zyx[9, 10:30, 10:30] = 0.4  # 400 voxels just outside
    sure.whole_zyx[29, 10:30, 10:30] = 0.6  # 400 voxels just inside
    sure.whole_zyx[0, 0, :] = 0.4  # far away: another matter
    found = reach(labels_zyx, sure, voxel_ml=0.001)
    assert found.more_ml["WT"] == pytest.approx(0.4)
    assert found.less_ml["WT"] == pytest.approx(0.4)
    assert found.more_ml["oedema"] == pytest.approx(0.4)
    assert found.more_ml["TC"] == 0


def test_a_doubtful_enhancement_moves_the_core_without_it_the_other_way():
    labels_zyx = nested_zyx()
    doubt = certain(labels_zyx)
    doubt.enhancing_zyx[labels_zyx == 4] = 0.6
    found = reach(labels_zyx, doubt, voxel_ml=0.001)
    assert found.less_ml["ET"] == pytest.approx(0.125)
    assert found.more_ml["nonenhancing_core"] == pytest.approx(0.125)
    assert found.less_ml["nonenhancing_core"] == 0


def test_volumes_carry_their_intervals_by_the_calibration():
    labels_zyx = nested_zyx()
    bands = volume_bands(image(labels_zyx), reach(labels_zyx, certain(labels_zyx), 0.001))
    tight = tumour_volumes(bands, IntervalCalibration({name: 1.0 for name in bands}, 30, "test"))
    wide = tumour_volumes(bands, None)
    for name, estimate in by_quantity(tight).items():
        assert estimate.low_ml < estimate.ml < estimate.high_ml
        assert by_quantity(wide)[name].high_ml > estimate.high_ml
        assert by_quantity(wide)[name].ml == estimate.ml
