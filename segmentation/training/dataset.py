"""Labelled cases in memory: z-scored image, brain mask and labels, cut to the brain.

A case is a folder with `t1.nii.gz t1ce.nii.gz t2.nii.gz flair.nii.gz seg.nii.gz`, registered and skull-stripped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from tqdm import tqdm

from segmentation.errors import BadGeometryError, BadInputError
from segmentation.intensity import network_input, same_grid
from segmentation.types import SEQUENCES, PreparedScan, Tissue

LABEL_FILE = "seg.nii.gz"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCase:
    """One labelled visit, cut to the brain plus a margin."""

    name: str
    image: torch.Tensor  # (4, Z, Y, X) float16, z-scored over the brain, 0 outside; channels as SEQUENCES
    brain: torch.Tensor  # (Z, Y, X) bool
    labels: torch.Tensor  # (Z, Y, X) uint8, stored labels 0, 1, 2, 4

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        z, y, x = self.labels.shape
        return z, y, x


@dataclass(frozen=True, slots=True, eq=False)
class CaseSplit:
    """Cases to learn from and cases to choose by."""

    training: tuple[TrainingCase, ...]
    validation: tuple[TrainingCase, ...]


def find_cases(folder: Path) -> list[Path]:
    """Folders under `folder` that hold a labelled case, in the order of their names.

    Raises:
        BadInputError: there is none.
    """
    found = sorted(path.parent for path in folder.glob(f"*/{LABEL_FILE}"))
    if not found:
        raise BadInputError(f"{folder} holds no labelled case: expected folders with {LABEL_FILE} in them.")
    return found


def read_cases(folders: Sequence[Path]) -> list[TrainingCase]:
    """Read and normalise cases, with a progress bar."""
    return [read_case(folder) for folder in tqdm(folders, desc="reading cases", unit="case", leave=False)]


def read_case(folder: Path) -> TrainingCase:
    """Read one case folder.

    Raises:
        BadInputError: a file is missing, a sequence is empty or not finite, or the labels are not 0, 1, 2, 4.
        BadGeometryError: the files are not on one 1 mm grid.
    """
    return make_case(folder.name, *read_prepared(folder))


def read_prepared(folder: Path) -> tuple[PreparedScan, sitk.Image]:
    """The images of a case folder, the brain being where FLAIR is not 0, and their labels.

    Raises:
        BadInputError: a file is missing.
    """
    flair, t1, t1ce, t2 = (_read(folder / f"{stem}.nii.gz") for stem in SEQUENCES)
    truth = sitk.Cast(_read(folder / LABEL_FILE), sitk.sitkUInt8)
    prepared = PreparedScan(flair=flair, t1=t1, t1ce=t1ce, t2=t2, brain_mask=flair != 0, t1ce_grid=t1ce)
    return prepared, truth


def make_case(name: str, prepared: PreparedScan, truth: sitk.Image) -> TrainingCase:
    """Bring a labelled scan to what the networks see at inference, cut to the brain.

    Raises:
        BadInputError, BadGeometryError: as `read_case`; the text names the case.
    """
    if not same_grid(truth, prepared.t1ce):
        raise BadGeometryError(f"{name}: the labels are not on the grid of the T1CE.")
    try:
        seen = network_input(prepared)
    except BadInputError as error:
        raise type(error)(f"{name}: {error}") from error
    labels = torch.from_numpy(sitk.GetArrayFromImage(truth)[seen.box_zyx].astype(np.uint8))
    unknown = sorted(set(labels.unique().tolist()) - {int(tissue) for tissue in Tissue})
    if unknown:
        raise BadInputError(f"{name}: labels {unknown} are not among the stored ones (0, 1, 2, 4).")
    brain = torch.from_numpy(np.ascontiguousarray(seen.brain_zyx))
    # Zero instead of the noise of inference: each patch draws its own.
    image = torch.where(brain, torch.from_numpy(seen.channels_czyx), 0.0).half()
    return TrainingCase(name, image, brain, labels)


def split_cases(cases: Sequence[TrainingCase], validation_part: float, seed: int) -> CaseSplit:
    """Put a part of the cases, drawn by `seed` and at least one, aside for validation."""
    count = max(1, round(len(cases) * validation_part))
    if count >= len(cases):
        raise BadInputError(f"{len(cases)} cases cannot be split into training and {count} for validation.")
    order = np.random.default_rng(seed).permutation(len(cases))
    held_out = {int(index) for index in order[:count]}
    return CaseSplit(
        training=tuple(case for index, case in enumerate(cases) if index not in held_out),
        validation=tuple(case for index, case in enumerate(cases) if index in held_out),
    )


def _read(path: Path) -> sitk.Image:
    if not path.is_file():
        raise BadInputError(f"{path} is missing.")
    return sitk.ReadImage(str(path))
