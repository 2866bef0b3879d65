"""The AR baseline: trained, stored without its autoencoder, and run by the commands that run the cascade."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segmentation import baseline_network
from segmentation.baseline_inference import pass_probabilities
from segmentation.command_line import main
from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import RANK_BASELINE, BaselineConfig, describe_model
from segmentation.registry import BaselineModel, load_cascade, load_model
from segmentation.training.augment import NO_AUGMENTATION, Augmentation
from segmentation.training.baseline import BaselineTraining, BrainPatches, region_dice_loss, regions_of
from segmentation.training.command import run
from segmentation.training.dataset import CaseSplit
from segmentation.training.learner import Machine, Settings
from segmentation.training.options import add_arguments
from segmentation.training.sampling import Sampling
from tests.segmentation.training_cases import ball_case, one_thread, write_ball_cases  # noqa: F401

CPU = Machine(torch.device("cpu"), half=False)
TINY = BaselineConfig((48, 48, 48), base_channels=8)
SETTINGS = Settings(Sampling((32, 32, 32), 1, augmentation=Augmentation()), iterations=4, validate_every=2)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ball_cases(tmp_path_factory.mktemp("cases"), 2, size=64)


def train(cases: Path, out: Path, *more: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--cases", str(cases), "--out", str(out), "--baseline", "--base-channels", "8", "--batch", "1"]
    words += ["--iterations", "1", "--patch", "48x48x48", "--device", "cpu", "--precision", "fp32"]
    return run(parser.parse_args([*words, *more]))


@pytest.fixture(scope="module")
def model(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "ar"
    assert train(cases, folder, "--phases", "preop") == 0
    return folder


def test_a_trained_baseline_says_what_it_is_and_holds_no_autoencoder(model: Path) -> None:
    description = describe_model(model)
    assert description.config == TINY
    assert description.rank == RANK_BASELINE
    loaded = load_model(model, "cpu", "fp32")
    assert isinstance(loaded, BaselineModel)
    assert not any("vae" in name for name in loaded.network.state_dict())
    assert "Myronenko" in (model / "CARD.md").read_text()


def test_a_baseline_and_a_cascade_stand_in_one_table_of_evaluate(
    model: Path, cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(cases), "--input", "prepared", "--device", "cpu", "--only", "case-0"]
    words += ["--model", "phantom-demo", "--model", str(model), "--json", str(tmp_path / "out.json")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "| unknown | ar 1 | 1 |" in printed
    assert "| unknown | phantom-demo 1 | 1 |" in printed
    content = json.loads((tmp_path / "out.json").read_text())
    assert [one["name"] for one in content["models"]] == ["phantom-demo 1", "ar 1"]
    assert set(content["models"][1]["cases"][0]["jaccard"]) == {"WT", "TC", "ET"}


def test_a_network_that_knows_left_from_right_gives_the_mirrored_answer_in_its_place(model: Path) -> None:
    loaded = load_model(model, "cpu", "fp32")
    channels_czyx = np.random.default_rng(0).standard_normal((4, 16, 16, 16)).astype(np.float32)
    brain_zyx = np.ones((16, 16, 16), bool)
    once = pass_probabilities(loaded, channels_czyx, brain_zyx, lambda step: None)
    turned = pass_probabilities(loaded, channels_czyx[..., ::-1], brain_zyx, lambda step: None)
    for region, other in zip(once, turned, strict=True):
        assert region.shape == (2, 16, 16, 16)
        assert np.allclose(region[0], other[1][..., ::-1], atol=1e-5)
        assert not np.allclose(region[0], region[1], atol=1e-5)


def test_a_resumed_baseline_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    split = CaseSplit(training=(ball_case(1),), validation=(ball_case(2),))

    def training(name: str) -> BaselineTraining:
        config = BaselineConfig((32, 32, 32), base_channels=8)
        return BaselineTraining(config, split, SETTINGS, CPU, tmp_path / name)

    whole = training("whole").run()
    answers = iter([False, False, True])
    training("parted").run(out_of_time=lambda: next(answers))
    resumed = training("parted").run(resume=True)
    assert all(torch.equal(tensor, resumed.weights[name]) for name, tensor in whole.weights.items())
    assert [point.dice for point in whole.curve] == [point.dice for point in resumed.curve]


def test_patches_hold_nested_regions_and_nothing_outside_the_brain() -> None:
    case = ball_case(3)
    plain = Sampling((16, 16, 16), 2, foreground_chance=1.0, augmentation=NO_AUGMENTATION)
    batch = BrainPatches([case], plain, seed=0).batch(5)
    whole, core, enhancing = batch.target.movedim(1, 0)
    assert (core <= whole).all()
    assert (enhancing <= core).all()
    assert whole.sum() > core.sum() > enhancing.sum() > 0
    assert not batch.image.movedim(1, 0)[:, batch.weight == 0].any()
    again = BrainPatches([case], plain, seed=0).batch(5)
    assert torch.equal(batch.image, again.image)


def test_the_loss_is_0_where_every_region_is_met_and_near_1_where_none_is() -> None:
    target = regions_of(ball_case(1).labels)[None]
    weight = torch.ones(target.shape[0], *target.shape[2:])
    assert float(region_dice_loss(40 * (target - 0.5), target, weight)) == pytest.approx(0, abs=1e-4)
    assert float(region_dice_loss(-40 * (target - 0.5), target, weight)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--patch", "24x16x16"), "multiples of 16"),
        (("--kl", "0.2"), "--l2 and --kl"),
        (("--search", "2"), "--search is for the cascade"),
        (("--cross-entropy", "0"), "--cross-entropy is for the cascade"),
    ],
)
def test_options_that_do_not_go_with_the_baseline_are_refused(
    cases: Path, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    with pytest.raises(BadInputError, match=words):
        train(cases, tmp_path / "out", *options)


def test_a_baseline_is_no_start_for_a_cascade(model: Path) -> None:
    with pytest.raises(BadModelError, match="a cascade of nine is needed"):
        load_cascade(model, "cpu")


def test_without_monai_the_way_to_get_it_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_network.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadModelError, match=r"pip install .*baselines"):
        load_model(model, "cpu")


def test_an_unknown_architecture_is_refused(model: Path, tmp_path: Path) -> None:
    content = json.loads((model / "model.json").read_text())
    content["networks"]["architecture"] = "transformer"
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(BadModelError, match="unknown architecture 'transformer'"):
        describe_model(tmp_path)
