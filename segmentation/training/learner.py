"""What learns: one network, its autoencoder branch, the optimiser, and the running average of the weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import nn

from segmentation.network import CONTEXT_SLICES, Autoencoder, Features, MSNet, NetworkConfig, Task
from segmentation.training.checkpoint import Progress
from segmentation.training.loss import autoencoder_loss, segmentation_loss
from segmentation.training.sampling import Batch, Sampling

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
    l2_weight: float = 0.1
    """Of the autoencoder's reconstruction; 0 with `kl_weight` 0 trains without the branch (Myronenko: 0.1 both)."""
    kl_weight: float = 0.1
    dropout: float = 0.0
    """Chance of a feature channel to be left out of a step's prediction."""
    freeze_first_block: bool = False
    """Leave the layers at full resolution as the start has them: nearly twice the steps on a CPU."""
    averaging: float = 0.0
    """Share of the running average of the weights that a step keeps; 0 judges and keeps the last weights."""
    validate_every: int = 100
    patience: int = 10
    min_gain: float = 0.001
    seed: int = 0

    @property
    def with_autoencoder(self) -> bool:
        """Whether the branch is trained along."""
        return self.l2_weight > 0 or self.kl_weight > 0

    def draw(self, iteration: int) -> int:
        """Seed of what one step draws."""
        return self.seed * 1_000_003 + iteration

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


class Learner(ABC):
    """The state of one training and its single step; `averaged` is the network that is judged and kept."""

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        network: nn.Module,
        averaged: nn.Module | None = None,
        autoencoder: nn.Module | None = None,
    ) -> None:
        self.settings, self.machine = settings, machine
        self.network, self.autoencoder = network, autoencoder
        self.averaged = network if averaged is None else averaged.requires_grad_(False)
        self.optimiser: torch.optim.Adam | None = None

    def begin(self, start_from: Mapping[str, torch.Tensor] | None, progress: Progress) -> None:
        """Take the weights of a checkpoint, else of a warm start, and go to the device."""
        if progress.weights:
            self.network.load_state_dict(progress.weights)
            self.averaged.load_state_dict(progress.average)
            if self.autoencoder is not None:
                self.autoencoder.load_state_dict(progress.autoencoder)
        else:
            if start_from is not None:
                self.network.load_state_dict(start_from)
            self.averaged.load_state_dict(self.network.state_dict())
        for module in self._modules():
            module.to(self.machine.device, memory_format=self.machine.layout)  # type: ignore[call-overload]
        parameters = [p for module in self._modules() for p in module.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(parameters, lr=self.settings.learning_rate, betas=ADAM_BETAS)
        if progress.optimiser:
            self.optimiser.load_state_dict(progress.optimiser)

    def step(self, iteration: int, batch: Batch) -> float:
        """One update; returns the loss."""
        assert self.optimiser is not None  # noqa: S101 - begin() comes first
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate_at(iteration)
        loss = self._loss(iteration, batch.to(self.machine.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        if self.settings.averaging:
            self._average(iteration)
        return float(loss.detach())

    def keep(self, progress: Progress) -> None:
        """Write the state into `progress`, from which `begin` takes it up."""
        assert self.optimiser is not None  # noqa: S101 - begin() comes first
        progress.weights, progress.average = copy_of(self.network), copy_of(self.averaged)
        progress.autoencoder = copy_of(self.autoencoder) if self.autoencoder is not None else {}
        progress.optimiser = self.optimiser.state_dict()

    @abstractmethod
    def _loss(self, iteration: int, batch: Batch) -> torch.Tensor:
        """What the step makes smaller; its draws depend on seed and iteration alone, so that a resumed training
        equals an uninterrupted one."""

    def _average(self, iteration: int) -> None:
        # The first steps count more: an average over a long window would hold on to where training began.
        share = min(self.settings.averaging, (1 + iteration) / (10 + iteration))
        with torch.no_grad():
            for kept, new in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - share)

    def _modules(self) -> list[nn.Module]:
        found: list[nn.Module] = [self.network]
        if self.averaged is not self.network:
            found.append(self.averaged)
        return [*found, self.autoencoder] if self.autoencoder is not None else found


class NetworkLearner(Learner):
    """One of the cascade's networks with its autoencoder branch."""

    def __init__(self, config: NetworkConfig, settings: Settings, machine: Machine) -> None:
        torch.manual_seed(settings.seed + 1000 * list(Task).index(config.task))
        self.msnet = MSNet(config)
        if settings.freeze_first_block:
            for module in (self.msnet.block1_1, self.msnet.block1_2, self.msnet.fuse1):
                module.requires_grad_(False)
        autoencoder = Autoencoder(config) if settings.with_autoencoder else None
        averaged = MSNet(config) if settings.averaging else None
        super().__init__(settings, machine, self.msnet, averaged, autoencoder)

    def _loss(self, iteration: int, batch: Batch) -> torch.Tensor:
        settings = self.settings
        noise = torch.Generator().manual_seed(settings.draw(iteration))
        with self.machine.autocast():
            features = self.msnet.features(batch.image.to(memory_format=self.machine.layout))
            made = self.autoencoder(features.f3, noise) if self.autoencoder is not None else None
            logits = self.msnet.predict(_with_dropout(features, settings.dropout, noise))
        loss = segmentation_loss(logits, batch.target, batch.weight, settings.cross_entropy_weight)
        if made is None:
            return loss
        labelled = batch.image[:, :, CONTEXT_SLICES:-CONTEXT_SLICES]
        return loss + autoencoder_loss(made, labelled, batch.weight, settings.l2_weight, settings.kl_weight)


def _with_dropout(features: Features, chance: float, noise: torch.Generator) -> Features:
    """The features with whole channels left out, and the others scaled so that the mean stays."""
    if chance == 0:
        return features
    return Features(*(feature * _channels_kept(feature, chance, noise) for feature in features))


def _channels_kept(feature: torch.Tensor, chance: float, noise: torch.Generator) -> torch.Tensor:
    kept = torch.rand(feature.shape[:2], generator=noise) >= chance  # (B, C)
    return (kept / (1 - chance))[:, :, None, None, None].to(feature)


def copy_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a module, on the CPU, independent of it."""
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}
