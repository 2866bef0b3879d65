"""`python -m segmentation train --search`: settings are tried, the hopeless given up, and a stopped search goes on."""

import argparse
import csv
import shlex
from pathlib import Path

import pytest
import torch

from segmentation.errors import BadInputError
from segmentation.model_description import CascadeConfig
from segmentation.network import Task, View
from segmentation.training.augment import NO_AUGMENTATION
from segmentation.training.cascade import CascadeTraining
from segmentation.training.checkpoint import CurvePoint, Progress
from segmentation.training.dataset import CaseSplit
from segmentation.training.learner import Machine
from segmentation.training.options import add_arguments, schedule
from segmentation.training.search import BEST, STUDY, Search, _Course
from segmentation.training.search_report import Try, write_plot
from tests.segmentation.training_cases import ball_case, one_thread  # noqa: F401


def arguments(work: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [
        "--cases",
        "balls",
        "--out",
        str(work / "model"),
        "--work",
        str(work),
        "--tasks",
        "wt",
        "--batch",
        "2",
    ]
    words += ["--iterations", "4", "--validate-every", "2", "--patch", "9x16x16", "--no-augmentation"]
    return parser.parse_args([*words, *more])


def search(work: Path, *more: str, out_of_time=lambda: False) -> Search:
    args = arguments(work, *more)
    split = CaseSplit(training=(ball_case(1),), validation=(ball_case(2),))
    settings = {Task.WHOLE_TUMOUR: schedule(args, Task.WHOLE_TUMOUR, 1)}
    machine = Machine(torch.device("cpu"), half=False)
    training = CascadeTraining(CascadeConfig(base_channels=4), split, settings, machine, work)
    return Search(args, training, [Task.WHOLE_TUMOUR], View.AXIAL, out_of_time)


def table(work: Path) -> list[dict[str, str]]:
    with (work / "search.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("searched")
    assert search(work).run(3)
    return work


def test_the_first_try_has_the_settings_that_were_asked_for_and_the_others_differ(searched: Path) -> None:
    tries = table(searched)
    assert len(tries) == 3
    asked = {"lr": 1e-3, "dropout": 0, "batch": 2, "cross_entropy": 0.3, "l2": 0.1, "kl": 0.1}
    assert {name: float(tries[0][name]) for name in asked} == asked
    assert len({one["lr"] for one in tries}) == 3


def test_the_best_settings_are_written_as_a_command_that_trains_with_them(searched: Path) -> None:
    words = shlex.split((searched / BEST).read_text())
    assert words[:4] == ["python", "-m", "segmentation", "train"]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(words[4:])
    best = max(table(searched), key=lambda one: float(one["dice"]))
    assert args.lr == pytest.approx(float(best["lr"]), rel=1e-5)
    assert args.batch == int(best["batch"])
    assert args.search is None
    settings = schedule(args, Task.WHOLE_TUMOUR, 1)
    assert settings.iterations * settings.sampling.batch_size == pytest.approx(8, abs=args.batch / 2)
    assert settings.sampling.augmentation == NO_AUGMENTATION


def test_the_history_is_drawn_and_no_checkpoint_of_a_try_is_left(searched: Path) -> None:
    assert (searched / "search.png").read_bytes().startswith(b"\x89PNG")
    assert not list(searched.glob("try-*"))


def test_a_search_that_was_stopped_goes_on_to_what_an_unbroken_one_finds(
    searched: Path, tmp_path: Path
) -> None:
    answers = iter([False, False, False, False, False, True])
    assert not search(tmp_path, out_of_time=lambda: next(answers)).run(3)
    assert search(tmp_path, "--resume").run(3)
    assert table(tmp_path) == table(searched)


def test_a_finished_search_is_not_overwritten_nor_mixed_with_another(searched: Path) -> None:
    with pytest.raises(BadInputError, match="go on with --resume"):
        search(searched).run(3)
    with pytest.raises(BadInputError, match="over another training"):
        search(searched, "--resume", "--patch", "9x12x12").run(3)
    assert (searched / STUDY).is_file()


class Listening:
    """A trial that remembers what it is told, and ends at a given step."""

    def __init__(self, ends_at: int) -> None:
        self.told: dict[int, float] = {}
        self.ends_at = ends_at

    def report(self, value: float, step: int) -> None:
        assert step not in self.told
        self.told[step] = value

    def should_prune(self) -> bool:
        return len(self.told) >= self.ends_at


def curve(*scores: float) -> Progress:
    points = [CurvePoint("wt-ax", 2 * n, 0.5, dice, 1e-3, 1.0, 1.0) for n, dice in enumerate(scores, 1)]
    return Progress("", best_dice=max(scores), curve=points)


def test_what_is_judged_is_the_best_so_far_over_all_networks() -> None:
    trial = Listening(ends_at=5)
    course = _Course(trial, networks=2)  # type: ignore[arg-type]
    assert not course.should_end(curve(0.4))
    assert not course.should_end(curve(0.4, 0.2))
    course.finish(curve(0.4, 0.2))
    assert not course.should_end(curve(0.6, 0.8))
    assert list(trial.told.values()) == pytest.approx([0.2, 0.2, 0.5, 0.6])
    assert course.should_end(curve(0.6, 0.8, 0.9))
    assert course.is_pruned


def test_a_history_of_given_up_tries_alone_can_be_drawn(tmp_path: Path) -> None:
    write_plot(tmp_path / "a.png", [Try({"lr": 1e-3, "batch": 2}, 0.1, is_pruned=True)])
    assert (tmp_path / "a.png").stat().st_size > 1000
