"""CA-CNN's MSNet once more, written apart from the authors' graph, in float64 and TensorFlow's terms.

Weights are a dictionary named as the published conversion. SAME padding by TensorFlow's formula; the transposed
convolution as zeros between the samples followed by a convolution; no module of the product is used.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F

Weights = Mapping[str, torch.Tensor]


def reference_logits(weights: Weights, prefix: str, x: np.ndarray) -> np.ndarray:
    """Logits (B, 2, D, H, W) of the network `prefix` (such as wt.ax) for x (B, 4, D+8, H, W)."""
    net = _Net({name: tensor.double() for name, tensor in weights.items()}, prefix)
    return net.run(torch.from_numpy(x).double()).numpy()


class _Net:
    def __init__(self, weights: Weights, prefix: str) -> None:
        self.weights, self.prefix = weights, prefix
        self.is_enhancing = prefix.startswith("en")

    def run(self, x: torch.Tensor) -> torch.Tensor:
        for block in ("block1_1", "block1_2"):
            x = self.block(block, x, 1)
        x = self.after("fuse1", self.conv("fuse1.conv.weight", x))
        if not self.is_enhancing:
            x = self.after("downsample1", self.conv("downsample1.conv.weight", x, stride=2, same=True))
        for block in ("block2_1", "block2_2"):
            x = self.block(block, x, 1)
        f1 = self.after("fuse2", self.conv("fuse2.conv.weight", x))
        x = self.after("downsample2", self.conv("downsample2.conv.weight", f1, stride=2, same=True))
        for block, dilation in (("block3_1", 1), ("block3_2", 2), ("block3_3", 3)):
            x = self.block(block, x, dilation)
        f2 = self.after("fuse3", self.conv("fuse3.conv.weight", x))
        x = f2
        for block, dilation in (("block4_1", 3), ("block4_2", 2), ("block4_3", 1)):
            x = self.block(block, x, dilation)
        f3 = self.after("fuse4", self.conv("fuse4.conv.weight", x))
        f1, f2 = f1[:, :, 2 : f1.shape[2] - 2], f2[:, :, 1 : f2.shape[2] - 1]
        if self.is_enhancing:
            p1 = self.conv("pred1.weight", f1, same=True)
            p2, p3 = self.up("pred_up2_1", f2), self.up("pred_up3_1", f3)
        else:
            p1 = self.up("pred_up1", f1)
            p2 = self.up("pred_up2_2", self.up("pred_up2_1", f2))
            p3 = self.up("pred_up3_2", self.up("pred_up3_1", f3))
        return self.conv("final_pred.weight", torch.cat([p1, p2, p3], 1), same=True)

    def w(self, name: str) -> torch.Tensor:
        return self.weights[f"{self.prefix}.{name}"]

    def block(self, name: str, x: torch.Tensor, dilation: int) -> torch.Tensor:
        y = x
        for number in (0, 1):
            y = self.norm_act(f"{name}.norm{number}", f"{name}.act{number}", y)
            y = self.conv(f"{name}.conv{number}.weight", y, dilation=dilation, same=True)
        missing = y.shape[1] - x.shape[1]
        padded = torch.zeros_like(y)
        padded[:, missing // 2 : missing // 2 + x.shape[1]] = x
        return y + padded

    def after(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self.norm_act(f"{name}.norm", f"{name}.act", x)

    def norm_act(self, norm: str, act: str, x: torch.Tensor) -> torch.Tensor:
        shape = (1, -1, 1, 1, 1)
        mean = x.mean((0, 2, 3, 4), keepdim=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3, 4), keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-5)
        x = x * self.w(f"{norm}.weight").reshape(shape) + self.w(f"{norm}.bias").reshape(shape)
        return torch.where(x > 0, x, x * self.w(f"{act}.weight").reshape(shape))

    def conv(
        self, name: str, x: torch.Tensor, stride: int = 1, dilation: int = 1, same: bool = False
    ) -> torch.Tensor:
        kernel = self.w(name)
        if same:
            pads = []
            for size, width in zip(reversed(x.shape[2:]), reversed(kernel.shape[2:]), strict=True):
                step = stride if width > 1 else 1
                total = max((-(-size // step) - 1) * step + (width - 1) * dilation + 1 - size, 0)
                pads += [total // 2, total - total // 2]
            x = F.pad(x, pads)
        apart = (1, dilation, dilation)
        return F.conv3d(x, kernel, stride=(1, stride, stride), dilation=apart)

    def up(self, name: str, x: torch.Tensor) -> torch.Tensor:
        kernel = self.w(f"{name}.deconv.weight")  # (in, out, 1, 3, 3)
        batch, channels, depth, height, width = x.shape
        spread = torch.zeros(batch, channels, depth, 2 * height - 1, 2 * width - 1, dtype=x.dtype)
        spread[..., ::2, ::2] = x
        # A transposed convolution correlates with the flipped kernel; full size is 2n+1, TensorFlow keeps 2n.
        full = F.conv3d(F.pad(spread, (2, 2, 2, 2)), kernel.flip(3, 4).transpose(0, 1))
        return self.after(name, full[..., : 2 * height, : 2 * width])
