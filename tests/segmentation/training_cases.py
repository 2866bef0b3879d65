"""Small labelled cases for the tests of training: nested balls whose brightness says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from segmentation.training.dataset import TrainingCase
from segmentation.types import SEQUENCES, PreparedScan, Tissue


def ball_case(seed: int, size: int = 32) -> TrainingCase:
    """A brain ball with oedema, core and enhancing balls inside; every sequence shows the labels, with noise."""
    rng = np.random.default_rng(seed)
    brain, labels = _balls(rng, size)
    image = rng.normal(0, 0.3, (4, size, size, size)).astype(np.float32)
    image[0] += 3 * (labels > 0)
    image[1] -= 2 * np.isin(labels, (Tissue.NONENHANCING_CORE, Tissue.ENHANCING))
    image[2] += 4 * (labels == Tissue.ENHANCING)
    return TrainingCase(
        f"ball-{seed}",
        torch.from_numpy(image * brain).half(),
        torch.from_numpy(brain),
        torch.from_numpy(labels),
    )


def ball_scan(seed: int, size: int = 60) -> tuple[PreparedScan, sitk.Image]:
    """The same as prepared images on a 1 mm LPS grid, with their labels."""
    rng = np.random.default_rng(seed)
    brain, labels = _balls(rng, size)
    images = {}
    for stem in SEQUENCES:
        values = (100 + 5 * rng.standard_normal(labels.shape) + 40 * (labels > 0)) * brain
        images[stem] = sitk.GetImageFromArray(values.astype(np.float32))
    mask = sitk.GetImageFromArray(brain.astype(np.uint8))
    truth = sitk.GetImageFromArray(labels)
    return PreparedScan(**images, brain_mask=mask, t1ce_grid=images["t1ce"]), truth


def write_ball_cases(folder: Path, count: int, size: int = 60) -> Path:
    """So many of them as case folders, numbered from 0; returns the folder."""
    for seed in range(count):
        prepared, truth = ball_scan(seed, size)
        case = folder / f"case-{seed}"
        case.mkdir()
        for stem in SEQUENCES:
            sitk.WriteImage(getattr(prepared, stem), str(case / f"{stem}.nii.gz"))
        sitk.WriteImage(truth, str(case / "seg.nii.gz"))
    return folder


def _balls(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    grid = np.indices((size, size, size)) - size / 2 + 0.5
    centre = rng.uniform(-0.08, 0.08, 3)[:, None, None, None] * size
    from_middle, from_tumour = np.sqrt((grid**2).sum(0)), np.sqrt(((grid - centre) ** 2).sum(0))
    labels = np.zeros((size, size, size), np.uint8)
    labels[from_tumour < 0.28 * size] = Tissue.OEDEMA
    labels[from_tumour < 0.20 * size] = Tissue.ENHANCING
    labels[from_tumour < 0.11 * size] = Tissue.NONENHANCING_CORE
    return from_middle < 0.46 * size, labels


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from threads, and lose much where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
