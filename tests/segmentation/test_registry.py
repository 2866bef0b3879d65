import json
from dataclasses import replace

import pytest
import torch

from segmentation.errors import BadModelError
from segmentation.interval import IntervalCalibration
from segmentation.model_description import (
    describe_model,
    find_model,
    installed_models,
    store_calibration,
    store_presence,
)
from segmentation.network import Task, View
from segmentation.presence import LEAST_EVIDENCE, PresenceRule
from segmentation.registry import load_model, write_model
from segmentation.trust import TrustCalibration
from segmentation.types import Phase
from tests.segmentation.cascade_cases import random_weights, tiny_description, tiny_model_folder


def test_a_written_model_loads_with_the_same_weights_and_words(tmp_path):
    weights = random_weights()
    description = replace(tiny_description(), phases=(Phase.PREOP, Phase.POSTOP))
    write_model(tmp_path / "m", description, weights, card="# Card\n")
    model = load_model(tmp_path / "m", device="cpu", precision="fp32")
    assert (model.identity, model.config, model.phases) == (
        description.identity,
        description.config,
        description.phases,
    )
    stored = model.networks[Task.TUMOUR_CORE, View.CORONAL].fuse2.conv.weight
    assert torch.equal(stored, weights["tc.cr.fuse2.conv.weight"])
    assert (tmp_path / "m" / "CARD.md").read_text() == "# Card\n"


def test_half_precision_files_are_smaller_and_load_to_single(tmp_path):
    write_model(tmp_path / "half", tiny_description(), random_weights(), "", dtype=torch.float16)
    write_model(tmp_path / "full", tiny_description(), random_weights(), "")
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.85 * sizes[1]
    model = load_model(tmp_path / "half", device="cpu", precision="fp32")
    assert model.networks[Task.WHOLE_TUMOUR, View.AXIAL].final_pred.weight.dtype is torch.float32


def test_the_figures_of_a_calibration_are_stored_in_the_description(tmp_path):
    folder = tiny_model_folder(tmp_path / "m")
    figures = IntervalCalibration({"WT": 2.5}, n_cases=9, cases="nine phantoms", coverage={"WT": 1.0})
    line = TrustCalibration(0.4, 0.5, below=0.1, above=0.2, correlation=0.6, n_cases=9, cases="nine phantoms")
    store_calibration(folder, figures, line)
    model = load_model(folder, device="cpu")
    assert (model.interval, model.trust) == (figures, line)


def test_a_model_states_when_its_enhancing_tumour_is_believed(tmp_path):
    folder = tiny_model_folder(tmp_path / "m")
    assert load_model(folder, device="cpu").least_evidence == LEAST_EVIDENCE
    store_presence(folder, PresenceRule(1.25, n_cases=8, cases="eight phantoms"))
    assert load_model(folder, device="cpu").least_evidence == 1.25
    assert describe_model(folder).presence.cases == "eight phantoms"


@pytest.mark.parametrize("damage", ["cut short", "bit flipped", "missing"])
def test_damaged_weights_are_named(tmp_path, damage):
    folder = tiny_model_folder(tmp_path / "m")
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        data[-5] ^= 1
        path.write_bytes(data[:-100] if damage == "cut short" else data)
    with pytest.raises(BadModelError, match=r"weights\.safetensors"):
        load_model(folder)


def test_a_description_of_another_format_is_refused(tmp_path):
    folder = tiny_model_folder(tmp_path / "m")
    content = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(content | {"format": 99}))
    with pytest.raises(BadModelError, match="format 99"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1}', "[1]"])
def test_a_damaged_description_is_refused(tmp_path, text):
    folder = tiny_model_folder(tmp_path / "m")
    (folder / "model.json").write_text(text)
    with pytest.raises(BadModelError, match=r"model\.json"):
        describe_model(folder)


def test_weights_that_do_not_fit_are_not_written(tmp_path):
    weights = random_weights()
    del weights["wt.ax.fuse1.conv.weight"]
    with pytest.raises(BadModelError, match=r"wt\.ax\.fuse1\.conv\.weight"):
        write_model(tmp_path / "m", tiny_description(), weights, "")
    weights = random_weights() | {"wt.ax.fuse1.norm.bias": torch.zeros(9)}
    with pytest.raises(BadModelError, match=r"shape \(9,\)"):
        write_model(tmp_path / "m", tiny_description(), weights, "")
    weights = random_weights() | {"wt.ax.fuse1.norm.bias": torch.full((4,), torch.nan)}
    with pytest.raises(BadModelError, match="not finite"):
        write_model(tmp_path / "m", tiny_description(), weights, "")
    assert not (tmp_path / "m").exists()


def test_the_best_installed_model_is_the_default(tmp_path):
    write_model(tmp_path / "a" / "demo", tiny_description("demo", rank=0), random_weights(), "")
    write_model(tmp_path / "b" / "own", tiny_description("own", rank=80), random_weights(), "")
    roots = [tmp_path / "a", tmp_path / "b", tmp_path / "not there"]
    assert find_model(None, roots) == tmp_path / "b" / "own"
    assert find_model("demo", roots) == tmp_path / "a" / "demo"
    assert find_model(str(tmp_path / "a" / "demo"), []) == tmp_path / "a" / "demo"
    assert [d.identity.name for d in installed_models(roots).values()] == ["own", "demo"]


def test_a_model_that_is_not_installed_is_refused_with_what_is(tmp_path):
    tiny_model_folder(tmp_path / "m")
    with pytest.raises(BadModelError, match=r"'nowhere'.*installed: tiny"):
        find_model("nowhere", [tmp_path])
    with pytest.raises(BadModelError, match="No model is installed"):
        find_model(None, [tmp_path / "empty"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(tmp_path):
    with pytest.raises(BadModelError, match="no GPU"):
        load_model(tiny_model_folder(tmp_path / "m"), device="cuda")
