"""Checkpoints of one network's training: written whole or not at all, so that a kill loses one interval at most."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from segmentation.errors import BadModelError
from segmentation.whole_file import unfinished


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One line of losses.csv; `dice` is the mean over validation cases, loss the mean since the last point."""

    network: str
    iteration: int
    loss: float
    dice: float
    learning_rate: float
    patches_per_second: float
    seconds: float


@dataclass(slots=True)
class Progress:
    """How far one network's training has come: all that a later process needs to go on as if never stopped."""

    fingerprint: str
    iteration: int = 0
    best_dice: float = -1.0
    best_iteration: int = 0
    last_gain_iteration: int = 0
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    average: dict[str, torch.Tensor] = field(default_factory=dict)
    autoencoder: dict[str, torch.Tensor] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    loss_sum: float = 0.0
    seconds: float = 0.0
    finished: bool = False
    curve: list[CurvePoint] = field(default_factory=list)


def save_progress(path: Path, progress: Progress) -> None:
    """Write a checkpoint; whatever stood there before stays until the new one is complete."""
    content = {name: getattr(progress, name) for name in Progress.__slots__ if name != "curve"}
    content["curve"] = [
        tuple(getattr(point, name) for name in CurvePoint.__slots__) for point in progress.curve
    ]
    with unfinished(path) as part:
        torch.save(content, part)


def load_progress(path: Path, fingerprint: str) -> Progress:
    """Read a checkpoint that was written under the same settings.

    Raises:
        BadModelError: the file is damaged, or belongs to a training with other settings.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise BadModelError(
            f"The checkpoint {path} is damaged ({error}); delete it to train anew."
        ) from error
    if content["fingerprint"] != fingerprint:
        raise BadModelError(
            f"The checkpoint {path} belongs to a training with other settings or cases:\n"
            f"  there {content['fingerprint']}\n  here  {fingerprint}\nGive the same ones, or another --work folder."
        )
    content["curve"] = [CurvePoint(*row) for row in content["curve"]]
    return Progress(**content)
