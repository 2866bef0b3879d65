"""Training itself: it learns, one seed has one result, and an interrupted run ends like an uninterrupted one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segmentation.errors import BadModelError
from segmentation.network import Features, MSNet, NetworkConfig, Task, View
from segmentation.training.augment import Augmentation
from segmentation.training.checkpoint import Progress, load_progress, save_progress
from segmentation.training.dataset import CaseSplit, make_case, split_cases
from segmentation.training.learner import Machine, Settings, _with_dropout
from segmentation.training.sampling import Sampling
from segmentation.training.trainer import NetworkTraining, mean_dice
from tests.segmentation.training_cases import ball_case, ball_scan, one_thread  # noqa: F401

CPU = Machine(torch.device("cpu"), half=False)
TINY = NetworkConfig(Task.WHOLE_TUMOUR, base_channels=4)
SETTINGS = Settings(
    Sampling((13, 16, 16), 1, augmentation=Augmentation()), iterations=4, validate_every=2, learning_rate=3e-3
)


@pytest.fixture(scope="module")
def split() -> CaseSplit:
    return CaseSplit(training=(ball_case(1), ball_case(2)), validation=(ball_case(3),))


def training(split: CaseSplit, checkpoint: Path, settings: Settings = SETTINGS) -> NetworkTraining:
    return NetworkTraining(TINY, View.AXIAL, split, settings, CPU, checkpoint)


def weights_equal(one: Progress, other: Progress) -> bool:
    return all(torch.equal(tensor, other.weights[name]) for name, tensor in one.weights.items())


def test_one_seed_has_one_result(split: CaseSplit, tmp_path: Path) -> None:
    one, same = (training(split, tmp_path / f"{run}.pt").run() for run in "ab")
    other = training(split, tmp_path / "c.pt", replace(SETTINGS, seed=1)).run()
    assert weights_equal(one, same)
    assert not weights_equal(one, other)
    assert [point.loss for point in one.curve] == [point.loss for point in same.curve]


@pytest.mark.parametrize("steps_before_the_stop", [1, 2, 3])
def test_a_resumed_training_equals_an_uninterrupted_one(
    split: CaseSplit, tmp_path: Path, steps_before_the_stop: int
) -> None:
    whole = training(split, tmp_path / "whole.pt").run()
    answers = iter([False] * (steps_before_the_stop - 1) + [True])
    parted = training(split, tmp_path / "parted.pt").run(out_of_time=lambda: next(answers))
    assert parted.iteration == steps_before_the_stop
    resumed = training(split, tmp_path / "parted.pt").run(resume=True)
    assert resumed.finished
    assert weights_equal(whole, resumed)
    assert [(point.iteration, point.loss, point.dice) for point in whole.curve] == [
        (point.iteration, pytest.approx(point.loss), point.dice) for point in resumed.curve
    ]


@pytest.mark.parametrize(
    "change", [{"averaging": 0.9}, {"l2_weight": 0.0, "kl_weight": 0.0}, {"dropout": 0.5}]
)
def test_resuming_holds_with_an_average_with_dropout_and_without_autoencoder(
    split: CaseSplit, tmp_path: Path, change: dict[str, float]
) -> None:
    settings = replace(SETTINGS, **change)  # type: ignore[arg-type]
    whole = training(split, tmp_path / "whole.pt", settings).run()
    parted = training(split, tmp_path / "parted.pt", settings)
    answers = iter([False, False, True])
    parted.run(out_of_time=lambda: next(answers))
    resumed = parted.run(resume=True)
    assert weights_equal(whole, resumed)
    assert all(torch.equal(tensor, resumed.average[name]) for name, tensor in whole.average.items())


def test_the_average_lags_behind_the_weights_it_is_made_of(split: CaseSplit, tmp_path: Path) -> None:
    start = training(split, tmp_path / "start.pt").run()
    settings = replace(SETTINGS, averaging=0.9)
    done = training(split, tmp_path / "average.pt", settings).run(start_from=start.best_weights)
    name = "fuse1.conv.weight"
    moved, followed = (
        float((weights[name] - start.best_weights[name]).norm()) for weights in (done.weights, done.average)
    )
    assert 0 < followed < moved


def test_the_autoencoder_changes_what_is_learned_but_is_no_part_of_the_model(
    split: CaseSplit, tmp_path: Path
) -> None:
    plain = training(split, tmp_path / "plain.pt", replace(SETTINGS, l2_weight=0.0, kl_weight=0.0)).run()
    regularised = training(split, tmp_path / "regularised.pt").run()
    assert plain.weights.keys() == regularised.weights.keys() == MSNet(TINY).state_dict().keys()
    assert not weights_equal(plain, regularised)
    assert regularised.autoencoder
    assert not plain.autoencoder


def test_a_frozen_first_block_stays_as_the_start_had_it_while_the_rest_learns(
    split: CaseSplit, tmp_path: Path
) -> None:
    start = training(split, tmp_path / "start.pt").run().best_weights
    settings = replace(SETTINGS, freeze_first_block=True, averaging=0.5)
    done = training(split, tmp_path / "frozen.pt", settings).run(start_from=start)
    same = {name for name in start if torch.equal(start[name], done.weights[name])}
    assert same == {name for name in start if name.startswith(("block1_1.", "block1_2.", "fuse1."))}


def test_dropout_leaves_whole_channels_out_and_keeps_the_mean() -> None:
    full = Features(*(torch.ones(2, 500, 3, 4, 4) for _ in range(3)))
    left = _with_dropout(full, 0.25, torch.Generator().manual_seed(1))
    for feature in left:
        assert torch.equal(feature, feature[:, :, :1, :1, :1].expand_as(feature))
        assert feature.unique().tolist() == pytest.approx([0, 1 / 0.75])
        assert float(feature.mean()) == pytest.approx(1, abs=0.06)
    assert not torch.equal(left.f1, left.f2)
    assert _with_dropout(full, 0.0, torch.Generator()) is full


def test_batches_cut_ahead_in_threads_are_the_same_ones(split: CaseSplit, tmp_path: Path) -> None:
    plain = training(split, tmp_path / "plain.pt").run()
    ahead = NetworkTraining(
        TINY, View.AXIAL, split, SETTINGS, replace(CPU, loaders=2), tmp_path / "ahead.pt"
    ).run()
    assert weights_equal(plain, ahead)


def test_training_on_one_case_raises_its_dice(tmp_path: Path) -> None:
    case = ball_case(5)
    split = CaseSplit(training=(case,), validation=(case,))
    settings = replace(
        SETTINGS, iterations=40, validate_every=20, sampling=Sampling((17, 24, 24), 1), learning_rate=1e-2
    )
    torch.manual_seed(0)
    before = mean_dice(MSNet(TINY), TINY.task, split.validation, View.AXIAL, CPU, seed=0)
    after = training(split, tmp_path / "one.pt", settings).run()
    assert after.best_dice > max(0.85, before + 0.2)


def test_training_stops_when_validation_no_longer_gains(split: CaseSplit, tmp_path: Path) -> None:
    settings = replace(SETTINGS, iterations=50, validate_every=1, patience=2, min_gain=1.0)
    stopped = training(split, tmp_path / "early.pt", settings).run()
    assert stopped.finished
    # The first validation gains on nothing at all; two more that do not are the patience.
    assert stopped.iteration == 3
    assert set(stopped.best_weights) == set(stopped.weights)


def test_a_warm_start_never_ends_below_where_it_began(split: CaseSplit, tmp_path: Path) -> None:
    start = training(split, tmp_path / "start.pt", replace(SETTINGS, iterations=20, validate_every=20)).run()
    ruinous = replace(SETTINGS, learning_rate=1e3)
    ruined = training(split, tmp_path / "ruined.pt", ruinous).run(start_from=start.best_weights)
    assert ruined.best_dice == pytest.approx(start.best_dice)
    assert all(torch.equal(ruined.best_weights[name], tensor) for name, tensor in start.best_weights.items())
    assert not weights_equal(start, ruined)


def test_a_checkpoint_of_other_settings_is_refused(split: CaseSplit, tmp_path: Path) -> None:
    training(split, tmp_path / "x.pt").run(out_of_time=lambda: True)
    with pytest.raises(BadModelError, match="other settings"):
        training(split, tmp_path / "x.pt", replace(SETTINGS, learning_rate=1e-4)).run(resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    save_progress(path, Progress("same"))
    assert load_progress(path, "same").iteration == 0
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadModelError, match=r"x\.pt is damaged"):
        load_progress(path, "same")


def test_the_rate_warms_up_and_ends_low() -> None:
    settings = replace(SETTINGS, iterations=1000, learning_rate=1e-3)
    assert settings.rate_at(0) < 1e-4
    assert settings.rate_at(30) == pytest.approx(1e-3)
    assert settings.rate_at(999) == pytest.approx(2e-5, rel=0.01)


def test_a_case_is_scored_within_its_brain() -> None:
    prepared, truth = ball_scan(1)
    case = make_case("ball", prepared, truth)
    inside = case.image[:, case.brain].float()
    assert inside.mean(1).abs().max() < 0.01
    assert (inside.std(1) - 1).abs().max() < 0.01
    assert float(case.image[:, ~case.brain].abs().max()) == 0
    # The brightest voxels are the tumour: image and labels were cut alike.
    assert bool((case.image[0][case.labels > 0] > 0.5).all())


def test_validation_cases_are_not_trained_on() -> None:
    cases = [ball_case(seed, size=8) for seed in range(10)]
    split = split_cases(cases, 0.2, seed=4)
    names = {case.name for case in split.training}, {case.name for case in split.validation}
    assert len(names[0]) == 8
    assert len(names[1]) == 2
    assert not names[0] & names[1]
    assert [case.name for case in split_cases(cases, 0.2, seed=4).validation] == [
        c.name for c in split.validation
    ]
