"""Training of one network: Adam on patches, validation on whole regions, the best weights kept.

One seed gives one result on one kind of device, and a resumed training equals an uninterrupted one: batches depend
on seed and iteration only, and the checkpoint holds weights, optimiser and curve.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from tqdm import tqdm

from segmentation.network import NetworkConfig, Task, View
from segmentation.training.checkpoint import CurvePoint, Progress, load_progress, save_progress
from segmentation.training.dataset import CaseSplit, TrainingCase
from segmentation.training.learner import Learner, Machine, NetworkLearner, Settings, copy_of
from segmentation.training.sampling import Batch, PatchSource, whole_region

log = logging.getLogger(__name__)


class _Clock:
    """Counts iterations and seconds of one stretch of training, validation left out."""

    def __init__(self) -> None:
        self.iterations = 0
        self.begun = time.perf_counter()

    def lap(self) -> tuple[int, float]:
        """Iterations and seconds since the last lap; starts the next."""
        now = time.perf_counter()
        lap = self.iterations, now - self.begun
        self.iterations, self.begun = 0, now
        return lap


class Source(Protocol):
    """Where batches come from."""

    def batch(self, iteration: int) -> Batch:
        """The batch of this iteration: equal for equal seed and iteration."""


class Training(ABC):
    """The training of one network, resumable at any validation."""

    def __init__(
        self,
        name: str,
        source: Source,
        settings: Settings,
        machine: Machine,
        checkpoint: Path,
        fingerprint: str,
    ) -> None:
        self.name, self.source, self.fingerprint = name, source, fingerprint
        self.settings, self.machine, self.checkpoint = settings, machine, checkpoint

    @abstractmethod
    def _learner(self) -> Learner:
        """The network before its first step."""

    @abstractmethod
    def _dice_of(self, network: nn.Module) -> float:
        """Mean Dice on the validation cases."""

    def run(
        self,
        start_from: dict[str, torch.Tensor] | None = None,
        resume: bool = False,
        out_of_time: Callable[[], bool] = lambda: False,
        give_up: Callable[[Progress], bool] = lambda progress: False,
    ) -> Progress:
        """Train until the iterations are done, validation stops improving, time is out, or `give_up` says so.

        `give_up` is asked after every validation. `start_from` are weights for a warm start; a checkpoint, where
        `resume` finds one, goes before them.
        """
        learner, progress = self._begin(start_from, resume)
        if progress.finished:
            return progress
        # The bar starts where the checkpoint ends.
        bar = tqdm(total=self.settings.iterations, initial=progress.iteration, desc=self.name, unit="it")
        clock = _Clock()
        with bar:
            for iteration, batch in self._batches(progress.iteration):
                progress.loss_sum += learner.step(iteration, batch)
                progress.iteration = iteration + 1
                clock.iterations += 1
                bar.update()
                at_interval = progress.iteration % self.settings.validate_every == 0
                stopping = out_of_time()
                if at_interval or progress.iteration == self.settings.iterations:
                    self._validate(learner.averaged, progress, clock)
                    bar.set_postfix(dice=f"{progress.curve[-1].dice:.3f}", best=f"{progress.best_dice:.3f}")
                    self._keep(learner, progress)
                    stopping = give_up(progress) or stopping
                elif stopping:
                    progress.seconds += clock.lap()[1]
                    self._keep(learner, progress)
                if progress.finished or stopping:
                    break
        return progress

    def _begin(self, start_from: dict[str, torch.Tensor] | None, resume: bool) -> tuple[Learner, Progress]:
        learner = self._learner()
        going_on = resume and self.checkpoint.is_file()
        progress = (
            load_progress(self.checkpoint, self.fingerprint) if going_on else Progress(self.fingerprint)
        )
        learner.begin(start_from, progress)
        if start_from is not None and not going_on:
            # Training may end where it began: it shall not end below.
            progress.best_weights = copy_of(learner.averaged)
            progress.best_dice = self._dice_of(learner.averaged)
        return learner, progress

    def _batches(self, first: int) -> Iterator[tuple[int, Batch]]:
        """Batches in order; with loaders they are cut ahead in threads, and are the same ones."""
        iterations = range(first, self.settings.iterations)
        if self.machine.loaders == 0:
            for iteration in iterations:
                yield iteration, self.source.batch(iteration)
            return
        with ThreadPoolExecutor(self.machine.loaders) as pool:
            ahead = [pool.submit(self.source.batch, i) for i in iterations[: 2 * self.machine.loaders]]
            for iteration in iterations:
                batch = ahead.pop(0).result()
                later = iteration + 2 * self.machine.loaders
                if later < self.settings.iterations:
                    ahead.append(pool.submit(self.source.batch, later))
                yield iteration, batch

    def _validate(self, network: nn.Module, progress: Progress, clock: _Clock) -> None:
        """Add a point to the curve; keep the weights where they are the best so far; decide to stop."""
        settings = self.settings
        iterations, elapsed = clock.lap()
        progress.seconds += elapsed
        dice = self._dice_of(network)
        clock.lap()
        done = progress.iteration - (progress.curve[-1].iteration if progress.curve else 0)
        point = CurvePoint(
            network=self.name,
            iteration=progress.iteration,
            loss=progress.loss_sum / done,
            dice=dice,
            learning_rate=settings.rate_at(progress.iteration - 1),
            patches_per_second=iterations / elapsed * settings.sampling.batch_size,
            seconds=progress.seconds,
        )
        progress.curve.append(point)
        progress.loss_sum = 0.0
        if dice > progress.best_dice + settings.min_gain:
            progress.last_gain_iteration = progress.iteration
        if dice > progress.best_dice:
            progress.best_dice, progress.best_iteration = dice, progress.iteration
            progress.best_weights = copy_of(network)
        waited = (progress.iteration - progress.last_gain_iteration) // settings.validate_every
        progress.finished = progress.iteration >= settings.iterations or waited >= settings.patience
        log.info(
            "%s iteration %d: loss %.4f, validation Dice %.4f (best %.4f), %.2f patches/s",
            *(self.name, point.iteration, point.loss, dice, progress.best_dice, point.patches_per_second),
        )

    def _keep(self, learner: Learner, progress: Progress) -> None:
        learner.keep(progress)
        save_progress(self.checkpoint, progress)


class NetworkTraining(Training):
    """The training of one task's network for one view."""

    def __init__(
        self,
        config: NetworkConfig,
        view: View,
        split: CaseSplit,
        settings: Settings,
        machine: Machine,
        checkpoint: Path,
    ) -> None:
        self.config, self.view, self.split = config, view, split
        source = PatchSource(split.training, config.task, view, settings.sampling, settings.seed)
        fingerprint = f"{config} {view} {settings} {in_words(split)}"
        super().__init__(f"{config.task}-{view}", source, settings, machine, checkpoint, fingerprint)

    def _learner(self) -> Learner:
        return NetworkLearner(self.config, self.settings, self.machine)

    def _dice_of(self, network: nn.Module) -> float:
        seed, task = self.settings.seed, self.config.task
        return mean_dice(network, task, self.split.validation, self.view, self.machine, seed)


def in_words(split: CaseSplit) -> str:
    """What of a split a checkpoint has to agree with."""
    return f"training={len(split.training)} validation={','.join(case.name for case in split.validation)}"


def mean_dice(
    network: nn.Module, task: Task, cases: tuple[TrainingCase, ...], view: View, machine: Machine, seed: int
) -> float:
    """Mean Dice of one network's own decision (argmax, one view) over whole regions; both empty counts as 1."""
    scores = []
    for case in cases:
        batch = whole_region(case, task, view, seed).to(machine.device)
        with torch.no_grad(), machine.autocast():
            logits = network(batch.image.to(memory_format=machine.layout))
        found = (logits.argmax(1) == 1) & (batch.weight > 0)
        truth = batch.target == 1
        total = int(found.sum()) + int(truth.sum())
        scores.append(2 * int((found & truth).sum()) / total if total else 1.0)
    return sum(scores) / len(scores)
