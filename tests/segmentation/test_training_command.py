"""`python -m segmentation train`, from case folders to a model that loads."""

import argparse
from pathlib import Path

import pytest

from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import describe_model
from segmentation.network import Task
from segmentation.registry import load_model
from segmentation.training.command import UNFINISHED, run
from segmentation.training.options import PATCHES_DHW, _number, _patch, add_arguments
from segmentation.types import Phase
from tests.segmentation.training_cases import one_thread, write_ball_cases  # noqa: F401


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ball_cases(tmp_path_factory.mktemp("cases"), 3)


def train(cases: Path, out: Path, *more: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [
        "--cases",
        str(cases),
        "--out",
        str(out),
        "--base-channels",
        "4",
        "--iterations",
        "1",
        "--batch",
        "1",
    ]
    words += ["--patch", "11x16x16", "--device", "cpu", "--precision", "fp32"]
    return run(parser.parse_args([*words, *more]))


def test_a_trained_model_loads_and_says_what_it_is(cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny"
    more = ("--demo", "--version", "7", "--phases", "preop,postop", "--held-out", str(cases))
    assert train(cases, out, *more) == 0
    model = load_model(out, device="cpu")
    assert (model.identity.name, model.identity.version, model.identity.is_demo) == ("tiny", "7", True)
    assert "means nothing" in model.identity.statement
    assert describe_model(out).phases == (Phase.PREOP, Phase.POSTOP)
    lines = (out / "losses.csv").read_text().splitlines()
    assert lines[0].startswith("network,iteration,loss,dice")
    assert len(lines) == 1 + 9
    card = (out / "CARD.md").read_text()
    assert "--base-channels 4" in card
    assert "| WT | " in card
    assert str(tmp_path) not in card


def test_parts_trained_apart_make_one_model(cases: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "model", ("--work", str(tmp_path / "work"), "--resume")
    for task in Task:
        assert train(cases, out, "--tasks", task.value, *work) == UNFINISHED
        assert not out.exists()
    assert train(cases, out, *work) == 0
    assert load_model(out, device="cpu").config.base_channels == 4


def test_a_warm_start_keeps_the_networks_that_are_not_trained(cases: Path, tmp_path: Path) -> None:
    assert train(cases, tmp_path / "first") == 0
    more = ("--init-from", str(tmp_path / "first"), "--tasks", "wt", "--views", "ax", "--lr", "0.1")
    assert train(cases, tmp_path / "second", *more) == 0
    first, second = (load_model(tmp_path / name, "cpu", "fp32").networks for name in ("first", "second"))
    changed = {
        key
        for key, network in first.items()
        if any((a != b).any() for a, b in zip(network.parameters(), second[key].parameters(), strict=True))
    }
    assert {(str(task), str(view)) for task, view in changed} <= {("wt", "ax")}
    commands = [
        line for line in (tmp_path / "second" / "CARD.md").read_text().splitlines() if " train " in line
    ]
    assert len(commands) == 2
    assert "--init-from first" in commands[1]
    with pytest.raises(BadModelError, match="base channels"):
        train(cases, tmp_path / "third", *more, "--base-channels", "8")


def test_patches_are_read_per_network() -> None:
    assert _patch("19x32x32", Task.ENHANCING) == (19, 32, 32)
    assert _patch("wt=27x128x128,tc=19x64x64", Task.TUMOUR_CORE) == (19, 64, 64)
    assert _patch("wt=27x128x128", Task.ENHANCING) == PATCHES_DHW[Task.ENHANCING]
    for bad in ("19x32", "5x32x32", "19x33x32", "axbxc"):
        with pytest.raises(BadInputError, match="--patch"):
            _patch(bad, Task.ENHANCING)


def test_numbers_are_read_per_network() -> None:
    assert _number("0.7", Task.ENHANCING, "--foreground") == 0.7
    assert _number("wt=360,tc=300,en=90", Task.ENHANCING, "--iterations") == 90
    for bad in ("many", "wt=3", ""):
        with pytest.raises(BadInputError, match="--iterations"):
            _number(bad, Task.ENHANCING, "--iterations")


def test_a_search_ends_in_a_command_and_not_in_a_model(cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "searched"
    assert train(cases, out, "--tasks", "wt", "--search", "1") == 0
    assert (
        (out / "training" / "best-command.txt").read_text().startswith("python -m segmentation train --cases")
    )
    assert not (out / "model.json").exists()
    with pytest.raises(BadInputError, match="at least 1"):
        train(cases, out, "--search", "0")


@pytest.mark.parametrize("part", ["1", "-0.1"])
def test_a_dropout_that_leaves_nothing_is_refused(cases: Path, tmp_path: Path, part: str) -> None:
    with pytest.raises(BadInputError, match="--dropout"):
        train(cases, tmp_path / "out", "--dropout", part)


def test_freezing_without_a_start_is_refused(cases: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--init-from"):
        train(cases, tmp_path / "out", "--freeze-first-block")


def test_a_folder_without_labelled_cases_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="case"):
        train(tmp_path, tmp_path / "out")
