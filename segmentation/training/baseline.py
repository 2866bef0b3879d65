"""Training of the AR baseline: one network for all three regions, on large patches of the brain.

Reference: Myronenko A. BrainLes 2018, LNCS 11384: soft Dice of each region by its own sigmoid, plus 0.1 times the
autoencoder's squared error and 0.1 times its KL divergence; crops of 160 x 192 x 128 voxels, one in a batch. Loop,
optimiser, augmentation and choice of the best weights are those of the cascade, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segmentation.baseline_inference import sliding_logits
from segmentation.baseline_network import SIDES_MULTIPLE, regularised_network
from segmentation.errors import BadInputError
from segmentation.model_description import BaselineConfig
from segmentation.training.augment import augment_intensity, tighten_mask
from segmentation.training.dataset import CaseSplit, TrainingCase
from segmentation.training.learner import Learner, Machine, Settings
from segmentation.training.loss import DICE_EPSILON
from segmentation.training.patches import place_patch, read_image, read_nearest
from segmentation.training.sampling import Batch, Sampling, misplaced
from segmentation.training.trainer import Training, in_words
from segmentation.types import TISSUES_OF

NAME = "ar"


class BaselineTraining(Training):
    """The training of the baseline's network."""

    def __init__(
        self, config: BaselineConfig, split: CaseSplit, settings: Settings, machine: Machine, work: Path
    ) -> None:
        self.config, self.split = config, split
        source = BrainPatches(split.training, settings.sampling, settings.seed)
        fingerprint = f"{config} {settings} {in_words(split)}"
        super().__init__(NAME, source, settings, machine, work / f"{NAME}.pt", fingerprint)

    def _learner(self) -> Learner:
        return BaselineLearner(self.config, self.settings, self.machine)

    def _dice_of(self, network: nn.Module) -> float:
        network.eval()
        scores = [_mean_dice(network, case, self.config, self.machine) for case in self.split.validation]
        network.train()
        return sum(scores) / len(scores)


class BaselineLearner(Learner):
    """Myronenko's network; its autoencoder is a part of it until it is stored."""

    def __init__(self, config: BaselineConfig, settings: Settings, machine: Machine) -> None:
        torch.manual_seed(settings.seed)
        network = regularised_network(config, settings.dropout)
        averaged = regularised_network(config, settings.dropout) if settings.averaging else None
        super().__init__(settings, machine, network, averaged)

    def _loss(self, iteration: int, batch: Batch) -> torch.Tensor:
        # MONAI draws dropout and latent from PyTorch's own generator.
        torch.manual_seed(self.settings.draw(iteration))
        with self.machine.autocast():
            logits, of_autoencoder = self.network(batch.image)
        dice = region_dice_loss(logits, batch.target, batch.weight)
        return dice + self.settings.l2_weight * of_autoencoder


class BrainPatches:
    """Draws batches from whole brains; a pure function of seed and iteration, as for the cascade."""

    def __init__(self, cases: Sequence[TrainingCase], how: Sampling, seed: int) -> None:
        self.cases, self.how, self.seed = cases, how, seed
        self.tumours = [case.labels.nonzero().to(torch.int16) for case in cases]

    def batch(self, iteration: int) -> Batch:
        """The batch of this iteration: target (B, 3, Z, Y, X) of nested regions, weight (B, Z, Y, X) of the brain."""
        rng = np.random.default_rng((self.seed, iteration))
        items = [self._item(int(rng.integers(len(self.cases))), rng) for _ in range(self.how.batch_size)]
        images, targets, weights = zip(*items, strict=True)
        return Batch(torch.stack(images), torch.stack(targets), torch.stack(weights))

    def _item(self, index: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        case, how = self.cases[index], self.how.augmentation
        where = place_patch(self._draw_centre(index, rng), self.how.patch_dhw, how, rng)
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        channels = [
            read_image(case.image[i : i + 1], misplaced(where, how, rng)) for i in range(len(case.image))
        ]
        image = augment_intensity(torch.cat(channels), how, rng, noise)
        brain = tighten_mask(read_nearest(case.brain, where), how, rng)
        return torch.where(brain, image, 0.0), regions_of(read_nearest(case.labels, where)), brain.float()

    def _draw_centre(self, index: int, rng: np.random.Generator) -> tuple[float, float, float]:
        """A voxel of the tumour, or any; moved so that the patch stays on the image where that is large enough."""
        shape_zyx, tumour = self.cases[index].shape_zyx, self.tumours[index]
        if len(tumour) and rng.random() < self.how.foreground_chance:
            start = tumour[int(rng.integers(len(tumour)))].tolist()
        else:
            start = [rng.uniform(0, size) for size in shape_zyx]
        z, y, x = (
            size / 2 if patch >= size else float(np.clip(centre, patch / 2, size - patch / 2))
            for centre, size, patch in zip(start, shape_zyx, self.how.patch_dhw, strict=True)
        )
        return z, y, x


def regions_of(labels: torch.Tensor) -> torch.Tensor:
    """Stored labels (Z, Y, X) as whole tumour, core and enhancing tumour: (3, Z, Y, X) of 0 and 1."""
    return torch.stack([torch.isin(labels, torch.tensor(tissues)) for tissues in TISSUES_OF.values()]).float()


def region_dice_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """1 - mean soft Dice of the regions (B, 3, Z, Y, X), squared denominators, where `weight` (B, Z, Y, X) is 1."""
    counted = weight.unsqueeze(1)
    probability, truth = torch.sigmoid(logits.float()) * counted, target * counted
    over = (0, 2, 3, 4)
    overlap = (probability * truth).sum(over)  # (3,)
    total = probability.square().sum(over) + truth.square().sum(over)
    return 1 - ((2 * overlap + DICE_EPSILON) / (total + DICE_EPSILON)).mean()


def check_baseline(settings: Settings) -> None:
    """Refuse what this network cannot be trained with.

    Raises:
        BadInputError: says which option, and what would do.
    """
    patch_zyx = settings.sampling.patch_dhw
    if any(side % SIDES_MULTIPLE for side in patch_zyx):
        words = "x".join(str(side) for side in patch_zyx)
        raise BadInputError(
            f"--patch {words}: the baseline needs multiples of {SIDES_MULTIPLE}, as in 128x192x160."
        )
    if settings.l2_weight != settings.kl_weight:
        raise BadInputError("The baseline's autoencoder has one weight: give --l2 and --kl the same value.")


def _mean_dice(network: nn.Module, case: TrainingCase, config: BaselineConfig, machine: Machine) -> float:
    """Mean Dice of the three regions over the whole brain; both empty counts as 1."""
    image = case.image.float()[None].to(machine.device)
    with torch.no_grad(), machine.autocast():
        logits = sliding_logits(network, image, config.patch_zyx)[0]
    found = (logits.cpu() > 0) & case.brain
    scores = []
    for ours, true in zip(found, regions_of(case.labels) > 0, strict=True):
        total = int(ours.sum()) + int(true.sum())
        scores.append(2 * int((ours & true).sum()) / total if total else 1.0)
    return sum(scores) / len(scores)
