"""Changes of a training patch that a network must not be fooled by.

Flip, shift and scale are the paper's (Lotan et al., AJNR 2022); the others imitate what scanners and preparation do:
gain, gamma, coil shading, noise, thick slices of 2D sequences, sequences a little off after registration, and a brain
mask cut too tight. Every draw comes from the generator handed in, so one seed gives one patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each change goes; intensities are in standard deviations of the brain."""

    flip: bool = True
    scale: tuple[float, float] = (0.9, 1.1)
    misregistration_mm: float = 1.0
    misregistration_chance: float = 0.3
    gain: tuple[float, float] = (0.85, 1.15)
    offset: float = 0.15
    gamma: tuple[float, float] = (0.8, 1.25)
    shading: float = 0.2
    noise: float = 0.15
    thick_slice_chance: float = 0.25
    thickest_slice_mm: int = 6
    tight_mask_chance: float = 0.25
    missing_t2_chance: float = 0.05


NO_AUGMENTATION = Augmentation(
    flip=False,
    scale=(1.0, 1.0),
    misregistration_chance=0.0,
    gain=(1.0, 1.0),
    offset=0.0,
    gamma=(1.0, 1.0),
    shading=0.0,
    noise=0.0,
    thick_slice_chance=0.0,
    tight_mask_chance=0.0,
    missing_t2_chance=0.0,
)


def augment_intensity(
    image: torch.Tensor, how: Augmentation, rng: np.random.Generator, noise: torch.Generator
) -> torch.Tensor:
    """Return a changed copy of z-scored `image` (C, Z, Y, X); geometry stays where it is."""
    changed = [_blur_to_thick_slices(channel, how, rng) for channel in image]
    changed = [_change_contrast(channel, how, rng) for channel in changed]
    if how.shading > 0:
        changed = [channel + _shading(channel.shape, how.shading, rng) for channel in changed]
    result = torch.stack(changed)  # (C, Z, Y, X)
    if how.missing_t2_chance > 0 and rng.random() < how.missing_t2_chance:
        # T2 comes last in SEQUENCES, and is the one that a protocol lacks or that motion spoils most often.
        result[-1] = 0
    if how.noise > 0:
        deviation = torch.as_tensor(rng.uniform(0, how.noise, size=len(image)), dtype=result.dtype)
        result = result + deviation[:, None, None, None] * torch.randn(result.shape, generator=noise)
    return result


def tighten_mask(brain: torch.Tensor, how: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    """Sometimes shave one or two voxels off the boolean mask (Z, Y, X), as a brain extraction may."""
    if rng.random() >= how.tight_mask_chance:
        return brain
    reach = int(rng.integers(1, 3))
    outside = (~brain).float()[None, None]
    return F.max_pool3d(outside, kernel_size=2 * reach + 1, stride=1, padding=reach)[0, 0] == 0


def _change_contrast(channel: torch.Tensor, how: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    exponent = float(np.exp(rng.uniform(*np.log(how.gamma))))
    gain, offset = float(rng.uniform(*how.gain)), float(rng.uniform(-how.offset, how.offset))
    if exponent != 1.0:
        # The curve is bent between fixed ends, so that two patches of one case are bent alike.
        low, high = -3.0, 5.0
        part = ((channel - low) / (high - low)).clamp(0, 1)
        bent = part.pow(exponent) * (high - low) + low
        bent = bent - (float((-low / (high - low)) ** exponent) * (high - low) + low)
        channel = torch.where((channel > low) & (channel < high), bent, channel)
    return channel * gain + offset


def _shading(shape: torch.Size, strength: float, rng: np.random.Generator) -> torch.Tensor:
    """A smooth field like a coil's, from a 3x3x3 lattice of random values."""
    lattice = torch.as_tensor(rng.normal(0, strength, size=(1, 1, 3, 3, 3)), dtype=torch.float32)
    return F.interpolate(lattice, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]


def _blur_to_thick_slices(channel: torch.Tensor, how: Augmentation, rng: np.random.Generator) -> torch.Tensor:
    """Average over thick slices and interpolate back, as a 2D sequence looks on a 1 mm grid."""
    if rng.random() >= how.thick_slice_chance:
        return channel
    # Axial slices are by far the most frequent in 2D brain protocols.
    axis = int(rng.choice(3, p=(0.7, 0.15, 0.15)))
    thickness = int(rng.integers(2, how.thickest_slice_mm + 1))
    lines = channel.movedim(axis, -1)  # (P, Q, N)
    count = lines.shape[-1]
    if count < 2 * thickness:
        return channel
    slices = F.avg_pool1d(lines, kernel_size=thickness, stride=thickness, ceil_mode=True)
    fine = F.interpolate(slices, size=slices.shape[-1] * thickness, mode="linear", align_corners=False)
    return fine[..., :count].movedim(-1, axis)
