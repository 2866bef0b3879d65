"""Training of one network: Adam on patches, validation on whole regions, the best weights kept.

One seed gives one result on one kind of device, and a resumed training equals an uninterrupted one: batches depend
on seed and iteration only, and the checkpoint holds weights, optimiser and curve.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from segmentation.network import MSNet, NetworkConfig, Task, View
from segmentation.training.checkpoint import CurvePoint, Progress, load_progress, save_progress
from segmentation.training.dataset import CaseSplit, TrainingCase
from segmentation.training.loss import segmentation_loss
from segmentation.training.sampling import Batch, PatchSource, Sampling, whole_region

log = logging.getLogger(__name__)

ADAM_BETAS = (0.9, 0.999)
LAST_RATE_PART = 0.02
"""The learning rate ends, after half a cosine, at this part of where it began."""
WARM_UP_PART = 0.03


@dataclass(frozen=True, slots=True)
class Settings:
    """How one network is trained."""

    sampling: Sampling
    iterations: int
    learning_rate: float = 1e-3
    cross_entropy_weight: float = 0.3
    validate_every: int = 100
    patience: int = 10
    min_gain: float = 0.001
    seed: int = 0

    def shortened(self, part: float) -> Settings:
        """The same for `part` of the iterations."""
        return replace(self, iterations=max(1, round(self.iterations * part)))

    def rate_at(self, iteration: int) -> float:
        """Learning rate: a short linear warm-up, then half a cosine."""
        warm_up = max(1, round(self.iterations * WARM_UP_PART))
        if iteration < warm_up:
            return self.learning_rate * (iteration + 1) / warm_up
        part = (iteration - warm_up) / max(1, self.iterations - warm_up)
        fall = LAST_RATE_PART + (1 - LAST_RATE_PART) * (1 + math.cos(math.pi * part)) / 2
        return self.learning_rate * fall


@dataclass(frozen=True, slots=True)
class Machine:
    """Where training runs; `half` is bfloat16 autocast, `loaders` threads cut patches ahead of the device."""

    device: torch.device
    half: bool
    loaders: int = 0

    @property
    def layout(self) -> torch.memory_format:
        """Training on a CPU in bfloat16 measured a fifth faster in the plain layout than in channels_last."""
        return torch.channels_last_3d if self.device.type == "cuda" else torch.contiguous_format

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision, where this machine computes in bfloat16."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)


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


class NetworkTraining:
    """The training of one task's network for one view, resumable at any validation."""

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
        self.settings, self.machine, self.checkpoint = settings, machine, checkpoint
        self.name = f"{config.task}-{view}"
        self.source = PatchSource(split.training, config.task, view, settings.sampling, settings.seed)
        cases = ",".join(case.name for case in split.validation)
        self.fingerprint = f"{config} {view} {settings} training={len(split.training)} validation={cases}"

    def run(
        self,
        start_from: dict[str, torch.Tensor] | None = None,
        resume: bool = False,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> Progress:
        """Train until the iterations are done, validation stops improving, or time is out.

        `start_from` are weights for a warm start; a checkpoint, where `resume` finds one, goes before them.
        """
        network, progress = self._begin(start_from, resume)
        if progress.finished:
            return progress
        optimiser = torch.optim.Adam(network.parameters(), lr=self.settings.learning_rate, betas=ADAM_BETAS)
        if progress.optimiser:
            optimiser.load_state_dict(progress.optimiser)
        # The bar starts where the checkpoint ends.
        bar = tqdm(total=self.settings.iterations, initial=progress.iteration, desc=self.name, unit="it")
        clock = _Clock()
        with bar:
            for iteration, batch in self._batches(progress.iteration):
                progress.loss_sum += self._step(network, optimiser, iteration, batch)
                progress.iteration = iteration + 1
                clock.iterations += 1
                bar.update()
                at_interval = progress.iteration % self.settings.validate_every == 0
                stopping = out_of_time()
                if at_interval or progress.iteration == self.settings.iterations:
                    self._validate(network, progress, clock)
                    bar.set_postfix(dice=f"{progress.curve[-1].dice:.3f}", best=f"{progress.best_dice:.3f}")
                    self._keep(network, optimiser, progress)
                elif stopping:
                    progress.seconds += clock.lap()[1]
                    self._keep(network, optimiser, progress)
                if progress.finished or stopping:
                    break
        return progress

    def _begin(self, start_from: dict[str, torch.Tensor] | None, resume: bool) -> tuple[MSNet, Progress]:
        torch.manual_seed(self.settings.seed + 1000 * list(Task).index(self.config.task))
        network = MSNet(self.config)
        if resume and self.checkpoint.is_file():
            progress = load_progress(self.checkpoint, self.fingerprint)
            network.load_state_dict(progress.weights)
        else:
            progress = Progress(self.fingerprint)
            if start_from is not None:
                network.load_state_dict(start_from)
                # Training may end where it began: it shall not end below.
                progress.best_weights = _copy_of(network)
                progress.best_dice = self._dice_of(network.to(self.machine.device))
        network.to(self.machine.device, memory_format=self.machine.layout)  # type: ignore[call-overload]
        return network, progress

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

    def _step(self, network: MSNet, optimiser: torch.optim.Adam, iteration: int, batch: Batch) -> float:
        """One update; returns the loss."""
        for group in optimiser.param_groups:
            group["lr"] = self.settings.rate_at(iteration)
        here = batch.to(self.machine.device)
        with self.machine.autocast():
            logits = network(here.image.to(memory_format=self.machine.layout))
        loss = segmentation_loss(logits, here.target, here.weight, self.settings.cross_entropy_weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    def _validate(self, network: MSNet, progress: Progress, clock: _Clock) -> None:
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
            progress.best_weights = _copy_of(network)
        waited = (progress.iteration - progress.last_gain_iteration) // settings.validate_every
        progress.finished = progress.iteration >= settings.iterations or waited >= settings.patience
        log.info(
            "%s iteration %d: loss %.4f, validation Dice %.4f (best %.4f), %.2f patches/s",
            *(self.name, point.iteration, point.loss, dice, progress.best_dice, point.patches_per_second),
        )

    def _dice_of(self, network: MSNet) -> float:
        return mean_dice(network, self.split.validation, self.view, self.machine, self.settings.seed)

    def _keep(self, network: MSNet, optimiser: torch.optim.Adam, progress: Progress) -> None:
        progress.weights = _copy_of(network)
        progress.optimiser = optimiser.state_dict()
        save_progress(self.checkpoint, progress)


def mean_dice(
    network: MSNet, cases: tuple[TrainingCase, ...], view: View, machine: Machine, seed: int
) -> float:
    """Mean Dice of one network's own decision (argmax, one view) over whole regions; both empty counts as 1."""
    scores = []
    for case in cases:
        batch = whole_region(case, network.config.task, view, seed).to(machine.device)
        with torch.no_grad(), machine.autocast():
            logits = network(batch.image.to(memory_format=machine.layout))
        found = (logits.argmax(1) == 1) & (batch.weight > 0)
        truth = batch.target == 1
        total = int(found.sum()) + int(truth.sum())
        scores.append(2 * int((found & truth).sum()) / total if total else 1.0)
    return sum(scores) / len(scores)


def _copy_of(network: MSNet) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
