"""The 2.5D convolutional network of the cascade: CA-CNN's MSNet, the same code for every size of it.

References:
    Wang G, Li W, Ourselin S, Vercauteren T. Automatic brain tumor segmentation using cascaded anisotropic
    convolutional neural networks. BrainLes 2017, LNCS 10670 (architecture; the authors' released graph
    decides where the text is silent: order of norm and activation, padding, crop of the deconvolutions).
    Lotan E et al. Development and practical implementation of a deep learning-based pipeline for automated
    pre- and postoperative glioma segmentation. AJNR 2022;43:24-32 (two down-samplings for WT and TC, one
    for ET; the autoencoder branch).
    Myronenko A. 3D MRI brain tumor segmentation using autoencoder regularization. BrainLes 2018, LNCS 11384
    (the branch: variational, latent of 128, group normalisation).

Kernels are (1,3,3) within a slice and (3,1,1) across slices. Each of the four fusions loses one slice on
either side, so an input of D+8 slices gives D slices of logits. Height and width must be multiples of
`in_plane_multiple`. The autoencoder hangs on `MSNet.features(...).f3` in training only: a model folder holds no weights
of it, so that MSNet stays the published network to the last number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segmentation.types import Normalisation

CONTEXT_SLICES = 4
"""Slices that the network needs beyond the first and the last slice it labels."""


class Task(StrEnum):
    """The three networks of the cascade, in their order."""

    WHOLE_TUMOUR = "wt"
    TUMOUR_CORE = "tc"
    ENHANCING = "en"


class View(StrEnum):
    """The plane whose slices the (1,3,3) kernels see."""

    AXIAL = "ax"
    SAGITTAL = "sg"
    CORONAL = "cr"


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What decides the shape of one network's weights."""

    task: Task
    base_channels: int = 32
    in_channels: int = 4
    classes: int = 2
    normalisation: Normalisation = Normalisation.VOLUME

    @property
    def downsamplings(self) -> int:
        """Two for whole tumour and core; one for the enhancing tumour, which is small."""
        return 1 if self.task is Task.ENHANCING else 2

    @property
    def in_plane_multiple(self) -> int:
        """Height and width of the input must be multiples of this."""
        return int(2**self.downsamplings)


class Features(NamedTuple):
    """The three scales that the prediction reads; f3 is the deepest."""

    f1: Tensor
    f2: Tensor
    f3: Tensor


class VolumeNorm(nn.Module):
    """Batch normalisation by the statistics of what is running, never by stored ones."""

    EPS = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, D, H, W) -> same
        """Normalise each channel over the mini-batch and all its voxels."""
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.EPS)


class ResBlock(nn.Module):
    """Pre-activation residual block of two dilated (1,3,3) convolutions.

    Where it widens (4 image channels into 32), the shortcut is its input with zero channels on both sides.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__()
        self.first_shortcut_channel = (out_channels - in_channels) // 2
        self.norm0, self.act0 = VolumeNorm(in_channels), nn.PReLU(in_channels)
        self.conv0 = _slice_conv(in_channels, out_channels, dilation)
        self.norm1, self.act1 = VolumeNorm(out_channels), nn.PReLU(out_channels)
        self.conv1 = _slice_conv(out_channels, out_channels, dilation)

    def forward(self, x: Tensor) -> Tensor:  # (B, C_in, D, H, W) -> (B, C_out, D, H, W)
        """Residual of the input."""
        y = self.conv0(self.act0(self.norm0(x)))
        y = self.conv1(self.act1(self.norm1(y)))
        # In place on the channels the shortcut fills: a zero-padded copy would cost a whole activation.
        y.narrow(1, self.first_shortcut_channel, x.shape[1]).add_(x)
        return y


class Fuse(nn.Module):
    """(3,1,1) convolution across slices, then norm and activation; loses one slice on either side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (3, 1, 1), bias=False)
        self.norm, self.act = VolumeNorm(channels), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, D, H, W) -> (B, C, D-2, H, W)
        """Features that know the neighbouring slices."""
        return self.act(self.norm(self.conv(x)))


class Downsample(nn.Module):
    """(1,3,3) convolution that halves height and width, then norm and activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (1, 3, 3), stride=(1, 2, 2), bias=False)
        self.norm, self.act = VolumeNorm(channels), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, D, H, W) -> (B, C, D, H/2, W/2)
        """Features at half the in-plane resolution."""
        # TensorFlow's SAME at stride 2 on an even size pads behind only.
        return self.act(self.norm(self.conv(F.pad(x, (0, 1, 0, 1)))))


class Upsample(nn.Module):
    """(1,3,3) transposed convolution that doubles height and width, then norm and activation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose3d(in_channels, out_channels, (1, 3, 3), stride=(1, 2, 2), bias=False)
        self.norm, self.act = VolumeNorm(out_channels), nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C_in, D, H, W) -> (B, C_out, D, 2H, 2W)
        """Features at twice the in-plane resolution."""
        # TensorFlow's SAME crops the full result (2n+1) behind.
        return self.act(self.norm(self.deconv(x)[..., :-1, :-1]))


class MSNet(nn.Module):
    """One network of the cascade for one view; parameter names are those of the published conversion."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        c, k, two = config.base_channels, config.classes, config.downsamplings == 2
        self.block1_1, self.block1_2 = ResBlock(config.in_channels, c, 1), ResBlock(c, c, 1)
        self.fuse1 = Fuse(c)
        if two:
            self.downsample1 = Downsample(c)
        self.block2_1, self.block2_2 = ResBlock(c, c, 1), ResBlock(c, c, 1)
        self.fuse2, self.downsample2 = Fuse(c), Downsample(c)
        self.block3_1, self.block3_2, self.block3_3 = ResBlock(c, c, 1), ResBlock(c, c, 2), ResBlock(c, c, 3)
        self.fuse3 = Fuse(c)
        self.block4_1, self.block4_2, self.block4_3 = ResBlock(c, c, 3), ResBlock(c, c, 2), ResBlock(c, c, 1)
        self.fuse4 = Fuse(c)
        self.pred_up2_1, self.pred_up3_1 = Upsample(c, 2 * k), Upsample(c, 4 * k)
        if two:
            self.pred_up1 = Upsample(c, k)
            self.pred_up2_2, self.pred_up3_2 = Upsample(2 * k, 2 * k), Upsample(4 * k, 4 * k)
        else:
            self.pred1 = _slice_conv(c, k, dilation=1)
        self.final_pred = _slice_conv(7 * k, k, dilation=1)

    def features(self, x: Tensor) -> Features:  # (B, 4, D+8, H, W)
        """The encoder: three scales at 4, 6 and 8 slices less than the input."""
        x = self.fuse1(self.block1_2(self.block1_1(x)))  # (B, C, D+6, H, W)
        if self.config.downsamplings == 2:
            x = self.downsample1(x)  # (B, C, D+6, H/2, W/2); ENet: H, W
        f1 = self.fuse2(self.block2_2(self.block2_1(x)))  # (B, C, D+4, H/2, W/2); ENet: H, W
        x = self.downsample2(f1)  # (B, C, D+4, H/4, W/4); ENet: H/2, W/2
        f2 = self.fuse3(self.block3_3(self.block3_2(self.block3_1(x))))  # (B, C, D+2, ...)
        f3 = self.fuse4(self.block4_3(self.block4_2(self.block4_1(f2))))  # (B, C, D, ...)
        return Features(f1, f2, f3)

    def predict(self, features: Features) -> Tensor:
        """The decoder: logits from the three scales, (B, classes, D, H, W)."""
        f1 = features.f1[:, :, 2:-2]  # (B, C, D, ...): the slices that f3 has
        f2 = features.f2[:, :, 1:-1]
        if self.config.downsamplings == 2:
            p1 = self.pred_up1(f1)  # (B, k, D, H, W)
            p2 = self.pred_up2_2(self.pred_up2_1(f2))  # (B, 2k, D, H, W)
            p3 = self.pred_up3_2(self.pred_up3_1(features.f3))  # (B, 4k, D, H, W)
        else:
            p1, p2, p3 = self.pred1(f1), self.pred_up2_1(f2), self.pred_up3_1(features.f3)
        return self.final_pred(torch.cat((p1, p2, p3), dim=1))  # (B, 7k, D, H, W) -> (B, k, D, H, W)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a stack of slices.

        Args:
            x: (B, 4, D+8, H, W), channels flair, t1, t1ce, t2; D is the slice axis of the network's view;
                H and W multiples of `config.in_plane_multiple`.

        Returns:
            (B, classes, D, H, W); class 0 is background.
        """
        return self.predict(self.features(x))


class Reconstruction(NamedTuple):
    """What the autoencoder makes of the deepest features: the image slices that are labelled, and its latent."""

    image: Tensor  # (B, in_channels, D, H, W)
    mean: Tensor  # (B, latent)
    log_variance: Tensor  # (B, latent)


class GreenBlock(nn.Module):
    """Myronenko's residual block, with kernels within the slice: two times group norm, ReLU, convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm0, self.conv0 = _group_norm(channels), _slice_conv(channels, channels, dilation=1)
        self.norm1, self.conv1 = _group_norm(channels), _slice_conv(channels, channels, dilation=1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, D, H, W) -> same
        """Residual of the input."""
        y = self.conv0(F.relu(self.norm0(x)))
        return x + self.conv1(F.relu(self.norm1(y)))


class Autoencoder(nn.Module):
    """Variational branch that reconstructs the input from the deepest features; regularises training.

    Patches are cut to the tumour's box and so differ in size, while a fully connected layer needs one: the
    features are pooled to a fixed grid before the latent and brought back to their size after it.
    """

    LATENT = 128
    CHANNELS = 16
    GRID = (2, 6, 6)

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c, cells = config.base_channels, self.CHANNELS * math.prod(self.GRID)
        self.norm = _group_norm(c)
        self.squeeze = nn.Conv3d(c, self.CHANNELS, 3, stride=(1, 2, 2), padding=1)
        self.encode, self.decode = nn.Linear(cells, 2 * self.LATENT), nn.Linear(self.LATENT, cells)
        self.widen = nn.Conv3d(self.CHANNELS, c, 1)
        sizes = [c // 2**level for level in range(config.downsamplings + 1)]
        self.narrow = nn.ModuleList(nn.Conv3d(a, b, 1) for a, b in pairwise(sizes))
        self.blocks = nn.ModuleList(GreenBlock(size) for size in sizes[1:])
        self.image = nn.Conv3d(sizes[-1], config.in_channels, 1)

    def forward(self, f3: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """Reconstruct from `f3` (B, C, D, h, w); `generator` (CPU) draws the latent's noise."""
        x = self.squeeze(F.relu(self.norm(f3)))  # (B, 16, D, h/2, w/2)
        x = F.adaptive_avg_pool3d(x, self.GRID).flatten(1)  # (B, 16*2*6*6)
        mean, log_variance = self.encode(x).float().chunk(2, dim=1)  # (B, 128) each
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        latent = mean + noise * torch.exp(0.5 * log_variance)
        x = F.relu(self.decode(latent)).unflatten(1, (self.CHANNELS, *self.GRID))  # (B, 16, 2, 6, 6)
        x = F.interpolate(self.widen(x), size=f3.shape[2:], mode="trilinear")  # (B, C, D, h, w)
        for narrow, block in zip(self.narrow, self.blocks, strict=True):
            x = block(F.interpolate(narrow(x), scale_factor=(1, 2, 2), mode="nearest"))  # (B, C/2, D, 2h, 2w)
        return Reconstruction(self.image(x), mean, log_variance)  # (B, 4, D, H, W)


def use_half_precision(network: MSNet) -> MSNet:
    """Turn convolutions and activations to bfloat16; the normalisation keeps its parameters in float32."""
    for module in _leaves(network):
        if not isinstance(module, VolumeNorm):
            module.to(torch.bfloat16)
    return network


def _leaves(network: nn.Module) -> Iterator[nn.Module]:
    return (module for module in network.modules() if not list(module.children()))


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(channels, 4), channels)


def _slice_conv(in_channels: int, out_channels: int, dilation: int) -> nn.Conv3d:
    """(1,3,3) convolution that keeps the size."""
    around, apart = (0, dilation, dilation), (1, dilation, dilation)
    return nn.Conv3d(in_channels, out_channels, (1, 3, 3), padding=around, dilation=apart, bias=False)
