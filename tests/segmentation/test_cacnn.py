import numpy as np
import pytest
import safetensors.torch
import torch

from segmentation.cacnn import import_cacnn
from segmentation.errors import BadModelError
from segmentation.interval import QUANTITIES
from segmentation.model_description import CascadeConfig
from segmentation.network import MSNet, NetworkConfig, Task, View
from segmentation.registry import expected_shapes, load_model
from tests.segmentation.cascade_cases import random_weights
from tests.segmentation.reference_network import reference_logits


def write(path, weights):
    safetensors.torch.save_file(weights, path)
    return path


def published_like():
    return {key: torch.randn(shape) for key, shape in expected_shapes(CascadeConfig()).items()}


def test_weights_of_the_published_shape_become_a_model(tmp_path):
    weights = published_like()
    description = import_cacnn(write(tmp_path / "w.safetensors", weights), tmp_path / "model")
    assert description.identity.name == "cacnn17"
    assert not description.identity.is_demo
    assert "not a medical device" in description.identity.statement
    model = load_model(tmp_path / "model", device="cpu", precision="fp32")
    stored = model.networks[Task.ENHANCING, View.SAGITTAL].pred1.weight
    assert torch.equal(stored, weights["en.sg.pred1.weight"])
    assert "University College London" in (tmp_path / "model" / "CARD.md").read_text()


def test_weights_of_another_size_are_refused(tmp_path):
    with pytest.raises(BadModelError, match="shape"):
        import_cacnn(write(tmp_path / "w.safetensors", random_weights()), tmp_path / "model")


def test_weights_of_another_network_are_refused(tmp_path):
    path = write(tmp_path / "w.safetensors", {"encoder.weight": torch.zeros(3)})
    with pytest.raises(BadModelError, match="1080 tensors are missing and 1 are unknown"):
        import_cacnn(path, tmp_path / "model")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"\x00\x01not weights")
    with pytest.raises(BadModelError, match="not a safetensors file"):
        import_cacnn(tmp_path / "w.safetensors", tmp_path / "model")


@pytest.mark.parametrize("name", ["msnet_wt32_20000.ckpt", "model.ckpt.index", "checkpoints"])
def test_a_tensorflow_checkpoint_is_sent_the_other_way(tmp_path, name):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(BadModelError, match="safetensors"):
        import_cacnn(tmp_path / name, tmp_path / "model")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadModelError, match=r"gone\.safetensors does not exist"):
        import_cacnn(tmp_path / "gone.safetensors", tmp_path / "model")


@pytest.mark.shared
def test_the_published_weights_import_without_change(shared_dir, tmp_path):
    source = shared_dir / "weights" / "cacnn17.safetensors"
    import_cacnn(source, tmp_path / "model")
    assert (tmp_path / "model" / "CARD.md").is_file()
    before = safetensors.torch.load_file(source)
    after = safetensors.torch.load_file(tmp_path / "model" / "weights.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_the_card_and_the_description_say_which_cases_the_intervals_come_from(tmp_path):
    write(tmp_path / "w.safetensors", published_like())
    figures = import_cacnn(tmp_path / "w.safetensors", tmp_path / "model").interval
    assert figures.n_cases == 22
    assert set(figures.multipliers) == set(figures.coverage) == set(QUANTITIES)
    assert "seen" in figures.cases
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert "same 22 cases" in card
    # The page of the model shows the parts below these headings.
    learned = card.split("## What it learned from")[1].split("##")[0]
    assert all(words in learned for words in ("285", "BraTS 2017", "No image after surgery"))
    assert "cavity" in card.split("## Limits")[1].split("##")[0]


STORED_LOGITS = {
    "wt.ax": -5.1616,
    "wt.sg": -3.9037,
    "wt.cr": -4.4790,
    "tc.ax": -3.9465,
    "tc.sg": -4.3876,
    "tc.cr": -4.2081,
    "en.ax": -3.2848,
    "en.sg": -7.9961,
    "en.cr": -5.1473,
}
"""Mean foreground logit of the published weights on seeded noise, by the implementation written apart."""


@pytest.mark.shared
@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("view", list(View))
def test_the_network_equals_the_published_one_written_apart(shared_dir, task, view):
    weights = safetensors.torch.load_file(shared_dir / "weights" / "cacnn17.safetensors")
    prefix = f"{task}.{view}"
    network = MSNet(NetworkConfig(task)).eval()
    network.load_state_dict({name: weights[f"{prefix}.{name}"] for name in network.state_dict()})
    image = np.random.default_rng(1).standard_normal((1, 4, 11, 24, 32), dtype=np.float32)
    expected = reference_logits(weights, prefix, image)
    with torch.inference_mode():
        found = network(torch.from_numpy(image)).numpy()
    assert np.abs(expected).max() > 1
    # MODEL facts: two float32 implementations differ by up to 5e-3 where logits reach 32.
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert found[0, 1].mean() == pytest.approx(STORED_LOGITS[prefix], abs=2e-3)
