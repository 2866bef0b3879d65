"""Training of all the networks of a cascade, one after the other, and the model folder that comes of it."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from segmentation.model_description import (
    RANK_BASELINE,
    RANK_DEMO,
    RANK_OWN,
    BaselineConfig,
    CascadeConfig,
    Config,
    ModelDescription,
)
from segmentation.network import Task, View
from segmentation.registry import CascadeModel, network_config, weight_key, write_model
from segmentation.training.card import Reproduction, write_card
from segmentation.training.checkpoint import CurvePoint, Progress
from segmentation.training.dataset import CaseSplit
from segmentation.training.learner import Machine, Settings
from segmentation.training.trainer import NetworkTraining
from segmentation.types import ModelIdentity, Phase
from segmentation.whole_file import write_whole

log = logging.getLogger(__name__)

CURVES = "losses.csv"
NetworkKey = tuple[Task, View]


@dataclass(frozen=True, slots=True)
class CascadeTraining:
    """What is trained, on what, and where its checkpoints lie."""

    config: CascadeConfig
    split: CaseSplit
    settings: Mapping[Task, Settings]
    machine: Machine
    work: Path
    warm_start: CascadeModel | None = None
    follow_first_view: float | None = None
    """Part of the iterations for the views after the first, which then start from the first one's weights."""

    def run(
        self, tasks: Sequence[Task], views: Sequence[View], resume: bool, out_of_time: Callable[[], bool]
    ) -> dict[NetworkKey, Progress] | None:
        """Train the chosen networks; None where time ran out before the last one was finished."""
        done: dict[NetworkKey, Progress] = {}
        for task in tasks:
            for view in views:
                first = done.get((task, views[0]))
                progress = self._train(task, view, first, resume, out_of_time)
                done[task, view] = progress
                write_curves(self.work / CURVES, done.values())
                if not progress.finished:
                    return None
        return done

    def _train(
        self,
        task: Task,
        view: View,
        first: Progress | None,
        resume: bool,
        out_of_time: Callable[[], bool],
    ) -> Progress:
        settings, start_from = self.settings[task], self.start_of(task, view)
        if first is not None and self.follow_first_view is not None:
            settings = settings.shortened(self.follow_first_view)
            start_from = first.best_weights
        return self.network(task, view, settings).run(start_from, resume, out_of_time)

    def network(self, task: Task, view: View, settings: Settings) -> NetworkTraining:
        """The training of one network."""
        config, checkpoint = network_config(self.config, task), self.checkpoint(task, view)
        return NetworkTraining(config, view, self.split, settings, self.machine, checkpoint)

    def start_of(self, task: Task, view: View) -> dict[str, torch.Tensor] | None:
        """The weights that one network starts from; None where it starts from chance."""
        return self.warm_start.networks[task, view].state_dict() if self.warm_start else None

    def checkpoint(self, task: Task, view: View) -> Path:
        """File of one network's progress."""
        return self.work / f"{task}-{view}.pt"


@dataclass(frozen=True, slots=True)
class Made:
    """What a training ends in, ready to be written."""

    config: Config
    weights: Mapping[str, torch.Tensor]
    """By their names in a model folder."""
    trained: Mapping[str, Progress]
    """By the networks' names."""


def collect_weights(
    trained: Mapping[NetworkKey, Progress], warm_start: CascadeModel | None
) -> dict[str, torch.Tensor]:
    """Weights of the trained networks, and of the warm start's others, by their names in a model folder."""
    weights: dict[str, torch.Tensor] = {}
    for task in Task:
        for view in View:
            if (task, view) in trained:
                state = trained[task, view].best_weights
            elif warm_start is not None:
                state = warm_start.networks[task, view].state_dict()
            else:
                continue
            weights |= {weight_key(task, view, name): tensor for name, tensor in state.items()}
    return weights


def write_trained_model(
    folder: Path,
    identity: ModelIdentity,
    phases: tuple[Phase, ...],
    config: Config,
    weights: Mapping[str, torch.Tensor],
    reproduction: Reproduction,
) -> None:
    """Write the model folder: weights in float16, card, curves.

    Raises:
        BadModelError: networks are missing.
    """
    rank = RANK_BASELINE if isinstance(config, BaselineConfig) else RANK_OWN
    rank = RANK_DEMO if identity.is_demo else rank
    description = ModelDescription(identity, rank, config, phases=phases)
    write_model(folder, description, weights, write_card(identity, config, reproduction), dtype=torch.float16)
    write_curves(folder / CURVES, reproduction.trained.values())


def write_curves(path: Path, trained: Iterable[Progress]) -> None:
    """Write losses.csv: a line per validation of every network."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(CurvePoint.__slots__)
    for progress in trained:
        for point in progress.curve:
            rows.writerow(_shown(getattr(point, name)) for name in CurvePoint.__slots__)
    write_whole(path, text.getvalue().encode())


def _shown(value: str | int | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
