import numpy as np
import pytest

from segmentation.intensity import network_input
from segmentation.registry import load_model
from segmentation.types import Tissue
from tests.benchmarks.reference_procedure import STEP, _slab_starts, reference_cascade
from tests.segmentation.cascade_cases import prepared_scan, tiny_model_folder


@pytest.mark.parametrize("depth", [5, 11, 12, 22, 23, 147])
def test_slabs_cover_every_slice_and_none_beyond(depth):
    covered = {start + offset for start in _slab_starts(depth) for offset in range(STEP)}
    assert covered >= set(range(depth))
    assert max(covered) < max(depth, STEP)


def test_the_published_procedure_labels_the_whole_crop(tmp_path):
    model = load_model(tiny_model_folder(tmp_path / "m"), "cpu", "fp32")
    images = network_input(prepared_scan())
    labels_zyx = reference_cascade(model, images)
    assert labels_zyx.shape == images.brain_zyx.shape
    assert labels_zyx.any()
    assert set(np.unique(labels_zyx)) <= {tissue.value for tissue in Tissue}
