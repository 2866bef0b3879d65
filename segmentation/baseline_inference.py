"""The AR baseline over a brain: patches of the size it was trained on, as the images are and mirrored left to right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from segmentation.intensity import FloatArray, Mask
from segmentation.registry import BaselineModel

OVERLAP = 0.5
PASSES = {"as it is": (), "mirrored": (-1,)}
"""Axes that are turned before the network and back after it; the images face LPS."""


def pass_probabilities(
    model: BaselineModel, channels_czyx: FloatArray, brain_zyx: Mask, report: Callable[[str], None]
) -> list[FloatArray]:
    """Probability of whole tumour, core and enhancing tumour, each (2, z, y, x): by the image and its mirror image.

    Two opinions stand where the cascade has three views; how far they agree is the signal for interval and trust.
    """
    # As in training, what is not brain is 0 and no noise: this network normalises by groups of channels.
    seen = torch.from_numpy(np.where(brain_zyx, channels_czyx, np.float32(0))).unsqueeze(0)
    passes = []
    for words, axes in PASSES.items():
        report(f"baseline, {words}")
        passes.append(probabilities(model, seen.flip(axes)).flip(axes).cpu().numpy())
    by_region = np.stack(passes, axis=1)  # (3, 2, z, y, x)
    return [np.ascontiguousarray(region_vzyx) for region_vzyx in by_region]


def probabilities(model: BaselineModel, image: torch.Tensor) -> torch.Tensor:
    """One pass: (1, 4, Z, Y, X) to (3, Z, Y, X)."""
    with (
        torch.inference_mode(),
        torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype is torch.bfloat16),
        torch.backends.cudnn.flags(benchmark=False, deterministic=True),
    ):
        logits = sliding_logits(model.network, image.to(model.device), model.config.patch_zyx)
    return torch.sigmoid(logits[0].float())  # (3, Z, Y, X)


def sliding_logits(network: nn.Module, image: torch.Tensor, patch_zyx: tuple[int, int, int]) -> torch.Tensor:
    """Logits (1, 3, Z, Y, X) of overlapping patches, joined with less weight at their edges."""
    from monai.inferers.utils import sliding_window_inference

    def logits(patch: torch.Tensor) -> torch.Tensor:
        made = network(patch)
        # With its autoencoder, in training, the network gives a pair.
        return made[0] if isinstance(made, tuple) else made

    return torch.as_tensor(
        sliding_window_inference(image, patch_zyx, 1, logits, overlap=OVERLAP, mode="gaussian")
    )
