"""Search for the settings of a training: learning rate, dropout, batch, and the weights of the losses.

References:
    Akiba T et al. Optuna: a next-generation hyperparameter optimization framework. KDD 2019.
    Bergstra J et al. Algorithms for hyper-parameter optimization. NeurIPS 2011 (the sampler, a Parzen estimator).

A try trains the chosen networks in one view with other settings, all of them for the same number of patches. What is
judged is the mean of their best validation Dice; a try that lies below the median of the earlier ones is given up. The
first try has the settings that the command names. All is kept in one SQLite file: a search that was stopped goes on.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from segmentation.errors import BadInputError
from segmentation.network import Task, View
from segmentation.training.cascade import CascadeTraining
from segmentation.training.checkpoint import Progress
from segmentation.training.command_words import ONLY_HERE, command_line
from segmentation.training.learner import Settings
from segmentation.training.options import schedule
from segmentation.training.search_report import Try, write_plot, write_table
from segmentation.whole_file import write_whole

STUDY = "search.db"
BEST = "best-command.txt"
NAME = "search"
ASKED = "asked"
CHECKPOINTS = "checkpoints"
SEARCHED = ("lr", "dropout", "batch", "cross_entropy", "l2", "kl")
TRIES_BEFORE_PRUNING = 4
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Search:
    """What every try has in common."""

    args: argparse.Namespace
    training: CascadeTraining
    """Its settings are those of the command; its work folder holds the search."""
    tasks: Sequence[Task]
    view: View
    out_of_time: Callable[[], bool]

    def run(self, tries: int) -> bool:
        """Try until `tries` settings are judged; False where time ran out before.

        Raises:
            BadInputError: the work folder holds another search, or one that was not to be resumed.
        """
        with _study(self.training.work, self._asked(), self.args.resume) as study:
            if not study.trials:
                study.enqueue_trial({name: getattr(self.args, name) for name in self._space()})
            while len(_judged(study)) < tries:
                # A sampler of this try alone: a resumed search asks what an uninterrupted one would have asked.
                seed = self.args.seed + len(_judged(study))
                study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=TRIES_BEFORE_PRUNING)
                if not self._try(study, study.ask()):
                    return False
                self._report(study, tries)
            return True

    def _asked(self) -> str:
        """What must be the same in a search that goes on."""
        return command_line(self.args, (*ONLY_HERE, *SEARCHED, "out", "name", "version", "statement"), True)

    def _space(self) -> dict[str, tuple[float, float]]:
        """Ranges of what is searched, wide enough for what the command names."""
        ranges = {"lr": (1e-4, 1e-2), "dropout": (0.0, 0.4), "batch": (1, 8), "cross_entropy": (0.0, 1.0)}
        if self.training.settings[self.tasks[0]].with_autoencoder:
            ranges |= {"l2": (0.01, 1.0), "kl": (0.01, 1.0)}
        asked = {name: getattr(self.args, name) for name in ranges}
        return {name: (min(low, asked[name]), max(high, asked[name])) for name, (low, high) in ranges.items()}

    def _values(self, trial: Trial) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, (low, high) in self._space().items():
            if name == "batch":
                values[name] = trial.suggest_int(name, int(low), int(high))
            else:
                values[name] = trial.suggest_float(name, low, high, log=low > 0)
        return values

    def _try(self, study: optuna.Study, trial: Trial) -> bool:
        """Judge one set of settings; False where time ran out first, so that the try is still open."""
        values = self._values(trial)
        work = self.training.work / str(trial.user_attrs.get(CHECKPOINTS, f"try-{trial.number}"))
        training = replace(self.training, work=work)
        course = _Course(trial, len(self.tasks))
        for task in self.tasks:
            network = training.network(task, self.view, self.settings(values, task))
            start = training.start_of(task, self.view)
            progress = network.run(start, True, self.out_of_time, course.should_end)
            if not progress.finished and not course.is_pruned:
                return False
            course.finish(progress)
            if course.is_pruned:
                break
        study.tell(trial, *((None, TrialState.PRUNED) if course.is_pruned else (course.value, None)))
        shutil.rmtree(work)
        return True

    def settings(self, values: Mapping[str, float], task: Task) -> Settings:
        """The settings of a try: other batches, but as many patches and as many validations."""
        cases = len(self.training.split.training)
        asked = schedule(self.args, task, cases)
        tried = schedule(_with(self.args, values), task, cases)
        share = asked.sampling.batch_size / tried.sampling.batch_size
        return replace(
            tried,
            iterations=max(1, round(asked.iterations * share)),
            validate_every=max(1, round(asked.validate_every * share)),
        )

    def command(self, values: Mapping[str, float]) -> str:
        """The command that trains with these settings."""
        schedules = {task: self.settings(values, task) for task in self.tasks}
        iterations = ",".join(f"{task}={one.iterations}" for task, one in schedules.items())
        every = {one.validate_every for one in schedules.values()}
        lengths = {"iterations": iterations, "epochs": None, "validate_every": every.pop()}
        return command_line(_with(self.args, {**values, **lengths}), whole_paths=True)

    def _report(self, study: optuna.Study, tries: int) -> None:
        done = [_outcome(trial) for trial in _judged(study)]
        work, last = self.training.work, done[-1]
        write_table(work / "search.csv", done)
        write_plot(work / "search.png", done)
        words = "given up" if last.is_pruned else f"Dice {last.dice:.4f}"
        log.info("Try %d of %d: %s with %s", len(done), tries, words, last.words)
        whole = [one for one in done if not one.is_pruned]
        if whole:
            best = max(whole, key=lambda one: one.dice)
            write_whole(work / BEST, (self.command(best.values) + "\n").encode())
            log.info("Best so far %.4f; its command is in %s", best.dice, work / BEST)


class _Course:
    """What one try has reached: reported after each validation, so that Optuna may end it."""

    def __init__(self, trial: Trial, networks: int) -> None:
        self.trial, self.networks = trial, networks
        self.best: list[float] = []
        self.reported = 0
        self.is_pruned = False

    @property
    def value(self) -> float:
        """Mean of the networks' best validation Dice; of those to come 0."""
        return sum(self.best) / self.networks

    def should_end(self, progress: Progress) -> bool:
        """Report what is new on the curve; a checkpoint that was taken up brings earlier points along."""
        best, before = 0.0, self.value
        for number, point in enumerate(progress.curve):
            best = max(best, point.dice)
            # Networks that stopped early leave room: the same step means the same network in every try.
            step = len(self.best) * _MOST_POINTS + number
            if step >= self.reported:
                self.trial.report(before + best / self.networks, step)
                self.reported = step + 1
        self.is_pruned = self.trial.should_prune()
        return self.is_pruned

    def finish(self, progress: Progress) -> None:
        """Go on to the next network."""
        self.best.append(max(0.0, progress.best_dice))


_MOST_POINTS = 100_000


@contextmanager
def _study(work: Path, asked: str, resume: bool) -> Iterator[optuna.Study]:
    """The study in the work folder; tries that were cut off are put first in line again."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / STUDY
    if path.exists() and not resume:
        raise BadInputError(
            f"{path} holds a search already; go on with --resume, or give another --work folder."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=TRIES_BEFORE_PRUNING)
    try:
        study = optuna.create_study(
            storage=storage, study_name=NAME, direction="maximize", pruner=pruner, load_if_exists=True
        )
        before = study.user_attrs.get(ASKED, asked)
        if before != asked:
            raise BadInputError(
                f"{path} holds a search over another training:\n  there {before}\n  here  {asked}\n"
                "Give the same one, or another --work folder."
            )
        study.set_user_attr(ASKED, asked)
        _take_up_again(study)
        yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _take_up_again(study: optuna.Study) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        folder = trial.user_attrs.get(CHECKPOINTS, f"try-{trial.number}")
        study.enqueue_trial(trial.params, user_attrs={CHECKPOINTS: folder})


def _judged(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _outcome(trial: FrozenTrial) -> Try:
    pruned = trial.state is TrialState.PRUNED
    reached = max(trial.intermediate_values.values(), default=0.0)
    return Try(trial.params, reached if pruned or trial.value is None else trial.value, pruned)


def _with(args: argparse.Namespace, values: Mapping[str, object]) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), **values})
