"""Losses of the networks.

Soft Dice with squared denominators: Milletari et al., V-Net, 3DV 2016, over the classes' softmax and averaged over
both classes, background included, as CA-CNN was trained (Wang et al., BrainLes 2017). Cross-entropy is added with a
small weight: its gradient does not vanish where a short training has not found the tumour yet. The autoencoder's loss
is Myronenko's (BrainLes 2018): 0.1 times the squared error of the reconstruction plus 0.1 times the KL divergence of
the latent from a standard normal, each divided by its number of voxels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from segmentation.network import Reconstruction

DICE_EPSILON = 1e-5


def soft_dice_loss(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """1 - mean soft Dice over classes.

    `logits` (B, C, D, H, W), `target` (B, D, H, W) of class numbers, `weight` (B, D, H, W) counts a voxel or not.
    Sums run over the whole batch, so that a patch without foreground does not swing the loss.
    """
    probability = torch.softmax(logits.float(), dim=1)  # (B, C, D, H, W)
    truth = F.one_hot(target.long(), logits.shape[1]).movedim(-1, 1).to(probability.dtype)  # (B, C, D, H, W)
    if weight is not None:
        probability = probability * weight.unsqueeze(1)
        truth = truth * weight.unsqueeze(1)
    over = (0, 2, 3, 4)
    overlap = (probability * truth).sum(over)  # (C,)
    # Where weight is 0 or 1, squaring a weighted probability is the weighted square.
    total = probability.square().sum(over) + truth.square().sum(over)
    return 1 - ((2 * overlap + DICE_EPSILON) / (total + DICE_EPSILON)).mean()


def segmentation_loss(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, cross_entropy_weight: float
) -> torch.Tensor:
    """Soft Dice plus `cross_entropy_weight` times the mean cross-entropy, both over voxels where `weight` is 1."""
    dice = soft_dice_loss(logits, target, weight)
    if cross_entropy_weight == 0:
        return dice
    per_voxel = F.cross_entropy(logits.float(), target.long(), reduction="none")  # (B, D, H, W)
    cross_entropy = (per_voxel * weight).sum() / weight.sum().clamp(min=1)
    return dice + cross_entropy_weight * cross_entropy


def autoencoder_loss(
    made: Reconstruction, image: torch.Tensor, weight: torch.Tensor, l2_weight: float, kl_weight: float
) -> torch.Tensor:
    """Squared error of the reconstruction where `weight` is 1, and KL divergence of the latent.

    `image` (B, C, D, H, W) holds the slices that are labelled. Outside the brain is noise, which no latent can know.
    """
    error = (made.image.float() - image).square().mean(1)  # (B, D, H, W)
    l2 = (error * weight).sum() / weight.sum().clamp(min=1)
    variance = made.log_variance.exp()
    kl = (made.mean.square() + variance - made.log_variance - 1).sum() / image.numel()
    return l2_weight * l2 + kl_weight * kl
