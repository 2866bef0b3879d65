from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.case_folder import read_case, read_reference
from segmentation.errors import BadInputError
from segmentation.evaluate import evaluate_case
from segmentation.gates import judged
from segmentation.inference import view_probabilities
from segmentation.intensity import MARGIN_VOXELS, bounding_box, network_input
from segmentation.interval import IntervalCalibration
from segmentation.metrics import dice
from segmentation.network import Task
from segmentation.plausibility import NO_TUMOUR
from segmentation.prepare import accept_prepared
from segmentation.registry import load_model
from segmentation.segment import NOT_CALIBRATED, segment
from segmentation.types import SEQUENCES, Phase, TrustGrade
from tests.segmentation.cascade_cases import (
    indifferent_weights,
    prepared_scan,
    random_weights,
    tiny_model_folder,
    with_voxels,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(
        tiny_model_folder(tmp_path_factory.mktemp("m") / "tiny"), device="cpu", precision="fp32"
    )


@pytest.fixture(scope="module")
def result(model):
    return segment(prepared_scan(), model, Phase.PREOP)


def voxels(image):
    return sitk.GetArrayFromImage(image)


def test_the_same_images_give_the_same_voxels(model, result):
    again = segment(prepared_scan(), model, Phase.PREOP)
    assert np.array_equal(voxels(again.labels), voxels(result.labels))
    assert again.volumes == result.volumes
    assert voxels(result.labels).any()


def test_labels_lie_on_the_grid_of_t1ce_within_the_brain(result):
    scan = prepared_scan()
    assert result.labels.GetOrigin() == scan.t1ce.GetOrigin()
    assert result.labels.GetSize() == scan.t1ce.GetSize()
    assert result.labels.GetPixelID() == sitk.sitkUInt8
    assert set(np.unique(voxels(result.labels))) <= {0, 1, 2, 4}
    # Closing may reach one voxel beyond; the rest is brain.
    outside = voxels(result.labels).astype(bool) & (voxels(scan.brain_mask) == 0)
    assert outside.sum() < 0.02 * (voxels(result.labels) > 0).sum()


def test_a_result_says_who_made_it_and_how_long_it_took(model, result):
    assert result.model == model.identity
    assert result.phase is Phase.PREOP
    assert 0 <= result.trust.low <= result.trust.predicted_dice <= result.trust.high <= 1
    assert NOT_CALIBRATED in result.warnings
    stages = {
        "normalise",
        "whole_tumour",
        "tumour_core",
        "enhancing_tumour",
        "postprocess",
        "measure",
        "describe",
    }
    assert set(result.seconds) == stages


def test_lesions_and_uncertainty_describe_the_label_map(result):
    labels_zyx = voxels(result.labels)
    lesions_ml = sum(one.enhancing_ml + one.nonenhancing_core_ml + one.oedema_ml for one in result.lesions)
    assert result.lesions
    assert lesions_ml == pytest.approx(result.volumes.whole_tumour.ml)
    assert set(result.resampling_error_ml.values()) == {0.0}  # the grid was 1 mm already
    assert result.uncertainty.GetSize() == result.labels.GetSize()
    undecided_zyx = voxels(result.uncertainty)
    assert 0 <= undecided_zyx.min() <= undecided_zyx.max() <= 1
    assert undecided_zyx[labels_zyx > 0].mean() > undecided_zyx[labels_zyx == 0].mean()


def test_the_resampling_error_is_what_thick_slices_change(model):
    scan = prepared_scan()
    thick = scan.t1ce[:, :, ::5]
    found = segment(replace(scan, t1ce_grid=thick), model, Phase.PREOP)
    # Shares are rounded to whole voxels of 5 mm: half a voxel at most, and what the ends of the grid cut off.
    assert 0 < max(abs(ml) for ml in found.resampling_error_ml.values()) < 0.2


def test_each_step_is_reported(model):
    steps = []
    segment(prepared_scan(), model, Phase.PREOP, report=steps.append)
    assert "whole tumour, axial" in steps
    assert "enhancing tumour, coronal" in steps


def test_a_calibrated_model_gives_no_warning_about_it(model):
    calibrated = replace(model, interval=IntervalCalibration({"WT": 1.0}, 20, "test"))
    assert NOT_CALIBRATED not in segment(prepared_scan(), calibrated, Phase.PREOP).warnings


def test_a_phase_the_model_never_saw_is_said(model):
    preop = replace(model, phases=(Phase.PREOP,))
    warnings = segment(prepared_scan(), preop, Phase.POSTOP).warnings
    assert any("trained on pre-operative images only; this study is post-operative" in w for w in warnings)
    assert not any("trained on" in w for w in segment(prepared_scan(), preop, Phase.PREOP).warnings)


def test_views_that_disagree_are_said(result):
    assert result.trust.grade is TrustGrade.POOR  # networks of random weights
    assert any("views disagree" in warning for warning in result.warnings)


def test_a_failed_gate_widens_the_intervals_and_moves_no_volume(model, result):
    failed = judged("snr t1", 2.0, "x", (5.0, None), "The signal of T1 is only 2.0 times its noise.")
    found = segment(replace(prepared_scan(), gates=(failed,)), model, Phase.PREOP).volumes.whole_tumour
    before = result.volumes.whole_tumour
    assert found.ml == before.ml
    assert found.high_ml > before.high_ml
    assert found.low_ml <= before.low_ml


def test_no_tumour_is_zero_volumes_and_a_warning(tmp_path):
    blind = load_model(tiny_model_folder(tmp_path / "m", indifferent_weights()), device="cpu")
    found = segment(prepared_scan(), blind, Phase.PREOP)
    assert NO_TUMOUR in found.warnings
    assert [one.code for one in found.not_validated] == ["no_tumour"]
    assert not voxels(found.labels).any()
    assert found.volumes.whole_tumour.ml == 0
    assert found.volumes.whole_tumour.high_ml > 0


def test_a_whole_tumour_without_core_is_no_failure(tmp_path):
    weights = random_weights()
    weights |= {key: 0 * t for key, t in weights.items() if key[:2] in ("tc", "en") and "final_pred" in key}
    coreless = load_model(tiny_model_folder(tmp_path / "m", weights), device="cpu")
    volumes = segment(prepared_scan(), coreless, Phase.PREOP).volumes
    assert volumes.whole_tumour.ml > 0
    assert volumes.tumour_core.ml == volumes.enhancing.ml == 0


def test_images_that_face_another_way_are_turned_and_turned_back(model, result):
    scan = prepared_scan()
    turned = {name: sitk.DICOMOrient(getattr(scan, name), "RAS") for name in (*SEQUENCES, "brain_mask")}
    found = segment(replace(scan, **turned, t1ce_grid=turned["t1ce"]), model, Phase.PREOP)
    assert found.labels.GetDirection() == turned["t1ce"].GetDirection()
    assert np.array_equal(voxels(sitk.DICOMOrient(found.labels, "LPS")), voxels(result.labels))


def test_warnings_and_seconds_of_the_preparation_are_kept(model):
    scan = replace(prepared_scan(), warnings=("T2 moved by 9 mm.",), seconds={"registration": 12.0})
    found = segment(scan, model, Phase.PREOP)
    assert found.warnings[0] == "T2 moved by 9 mm."
    assert found.seconds["registration"] == 12.0


def test_unusable_images_are_refused(model):
    scan = prepared_scan()
    with pytest.raises(BadInputError, match="t2"):
        segment(with_voxels(scan, "t2", 0 * voxels(scan.t2)), model, Phase.PREOP)


@pytest.mark.shared
def test_a_real_case_fits_its_reader_as_an_independent_implementation_did(shared_dir, published):
    found = evaluate_case(
        shared_dir / "data" / "glioma" / "Brats18_TCIA02_135_1", accept_prepared, published, Phase.PREOP
    )
    assert found.dice == pytest.approx({"WT": 0.938, "TC": 0.947, "ET": 0.924}, abs=0.01)
    assert found.hd95_mm["WT"] < 6
    assert found.trust > 0.85


@pytest.mark.shared
def test_half_and_single_precision_draw_the_same_core(shared_dir, published):
    folder = shared_dir / "data" / "glioma" / "Brats18_TCIA02_135_1"
    scan = read_case(folder)
    images = network_input(accept_prepared(scan))
    lesion_zyx = voxels(read_reference(folder, scan.t1ce))[images.box_zyx] > 0
    box_zyx = bounding_box(lesion_zyx, MARGIN_VOXELS)
    masks = []
    for precision in ("fp32", "bf16"):
        model = load_model(published.folder, device="cpu", precision=precision)
        views = view_probabilities(
            model, Task.TUMOUR_CORE, images.channels_czyx[:, *box_zyx], lambda step: None
        )
        masks.append(views.mean(axis=0) > 0.5)
    assert masks[0].any()
    assert dice(*masks) > 0.995


def test_enhancement_that_is_not_believed_is_said(model, result):
    # Networks of random weights outline something everywhere and are certain of nothing.
    assert result.volumes.enhancing.ml == 0
    assert any("was not counted as enhancing tumour" in warning for warning in result.warnings)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "enhancing_ml"), [("BraTS2021_01480", 0.0), ("BraTS2021_01476", 0.22)])
def test_a_tumour_without_enhancement_gets_none_and_a_small_focus_stays(
    shared_dir, published, name, enhancing_ml
):
    found = evaluate_case(shared_dir / "data" / "glioma" / name, accept_prepared, published, Phase.PREOP)
    assert found.volumes.enhancing.ml == pytest.approx(enhancing_ml, abs=0.05)
    assert found.dice["ET"] > 0.85
