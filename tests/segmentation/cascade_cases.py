"""Small images and models for the tests of the cascade: a textured ball of brain, networks of four channels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from segmentation.model_description import CascadeConfig, ModelDescription
from segmentation.network import MSNet, Task, View
from segmentation.registry import network_config, weight_key, write_model
from segmentation.types import SEQUENCES, ModelIdentity, PreparedScan

SIZE_ZYX = (62, 68, 66)
RADIUS = 19


def image(array_zyx: np.ndarray, origin_mm: tuple[float, float, float] = (-20.0, -25.0, 7.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(array_zyx)
    made.SetOrigin(origin_mm)
    return made


def ball_zyx(radius: float = RADIUS, size_zyx: tuple[int, ...] = SIZE_ZYX) -> np.ndarray:
    grid = np.indices(size_zyx)
    centre = (np.array(size_zyx) - 1)[:, None, None, None] / 2
    return ((grid - centre) ** 2).sum(axis=0) <= radius**2


def prepared_scan(seed: int = 1) -> PreparedScan:
    """A ball of 29 mL with a brighter lump on one side, different in each sequence."""
    rng = np.random.default_rng(seed)
    brain_zyx = ball_zyx()
    lump_zyx = np.roll(ball_zyx(8), 7, axis=2) & brain_zyx
    images = {}
    for level, name in enumerate(SEQUENCES, start=1):
        values_zyx = 100 + 10 * rng.standard_normal(SIZE_ZYX) + 40 * level * lump_zyx
        images[name] = image(np.where(brain_zyx, values_zyx, 0).astype(np.float32))
    return PreparedScan(**images, brain_mask=image(brain_zyx.astype(np.uint8)), t1ce_grid=images["t1ce"])


def with_image(scan: PreparedScan, name: str, changed: sitk.Image) -> PreparedScan:
    return replace(scan, **{name: changed})


def with_voxels(scan: PreparedScan, name: str, array_zyx: np.ndarray) -> PreparedScan:
    changed = sitk.GetImageFromArray(array_zyx.astype(np.float32))
    changed.CopyInformation(scan.t1ce)
    return replace(scan, **{name: changed})


def tiny_config() -> CascadeConfig:
    return CascadeConfig(base_channels=4)


def random_weights(seed: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {
        weight_key(task, view, name): tensor
        for task in Task
        for view in View
        for name, tensor in MSNet(network_config(tiny_config(), task)).state_dict().items()
    }


def indifferent_weights() -> dict[str, torch.Tensor]:
    """Networks that give every voxel the probability one half, which is no tumour."""
    return {key: t * 0 if "final_pred" in key else t for key, t in random_weights().items()}


def tiny_description(name: str = "tiny", rank: int = 0) -> ModelDescription:
    identity = ModelIdentity(name, "1", is_demo=True, statement="A model for tests.")
    return ModelDescription(identity, rank, tiny_config())


def tiny_model_folder(folder: Path, weights: dict[str, torch.Tensor] | None = None) -> Path:
    write_model(folder, tiny_description(), weights or random_weights(), card="# For tests\n")
    return folder
