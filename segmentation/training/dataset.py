"""Labelled cases in memory: z-scored image, brain mask and labels, cut to the brain.

A case is a folder with `t1.nii.gz t1ce.nii.gz t2.nii.gz flair.nii.gz seg.nii.gz`, registered and skull-stripped, and
perhaps `case.json`, which says what it was simulated from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from tqdm import tqdm

from segmentation.case_folder import read_case, read_case_note, read_reference
from segmentation.errors import BadInputError
from segmentation.intensity import network_input
from segmentation.types import SEQUENCES, PreparedScan


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCase:
    """One labelled visit, cut to the brain plus a margin."""

    name: str
    image: torch.Tensor  # (4, Z, Y, X) float16, z-scored over the brain, 0 outside; channels as SEQUENCES
    brain: torch.Tensor  # (Z, Y, X) bool
    labels: torch.Tensor  # (Z, Y, X) uint8, stored labels 0, 1, 2, 4
    source: str | None = None
    """The real case that a simulated one was made from."""

    @property
    def patient(self) -> str:
        """Cases of one patient are never on both sides of a split."""
        return self.source or self.name

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


def read_cases(folders: Sequence[Path]) -> list[TrainingCase]:
    """Read and normalise labelled case folders, with a progress bar.

    Raises:
        BadInputError, BadGeometryError: of the first case that cannot be used; names it.
    """
    bar = tqdm(folders, desc="reading cases", unit="case", leave=False)
    return [
        replace(make_case(folder.name, *read_labelled(folder)), source=read_case_note(folder).source)
        for folder in bar
    ]


def patient_of(folder: Path) -> str:
    """The patient of a case folder: the real case behind it by `case.json`, else its own name."""
    return read_case_note(folder).source or folder.name


def read_labelled(folder: Path) -> tuple[PreparedScan, sitk.Image]:
    """The prepared images of a case folder, the brain being where FLAIR is not 0, and their labels; all LPS.

    Raises:
        BadInputError: a file is missing or damaged, or the labels are not 0, 1, 2, 4.
        BadGeometryError: the labels are not on the grid of the T1CE.
    """
    scan = read_case(folder)
    truth = read_reference(folder, scan.t1ce)
    flair, t1, t1ce, t2 = (sitk.DICOMOrient(getattr(scan, name), "LPS") for name in SEQUENCES)
    prepared = PreparedScan(flair=flair, t1=t1, t1ce=t1ce, t2=t2, brain_mask=flair != 0, t1ce_grid=t1ce)
    return prepared, sitk.DICOMOrient(truth, "LPS")


def make_case(name: str, prepared: PreparedScan, truth: sitk.Image) -> TrainingCase:
    """Bring a labelled scan to what the networks see at inference, cut to the brain.

    Raises:
        BadInputError, BadGeometryError: an image is empty, constant or not finite, or off the grid; names the case.
    """
    try:
        seen = network_input(prepared)
    except BadInputError as error:
        raise type(error)(f"{name}: {error}") from error
    labels = torch.from_numpy(sitk.GetArrayFromImage(truth)[seen.box_zyx].astype(np.uint8))
    brain = torch.from_numpy(np.ascontiguousarray(seen.brain_zyx))
    # Zero instead of the noise of inference: each patch draws its own.
    image = torch.where(brain, torch.from_numpy(seen.channels_czyx), 0.0).half()
    return TrainingCase(name, image, brain, labels)


def split_cases(cases: Sequence[TrainingCase], validation_part: float, seed: int) -> CaseSplit:
    """Put a part of the patients, drawn by `seed` and at least one, aside for validation.

    A simulated case goes where the case it was made from goes.
    """
    patients = sorted({case.patient for case in cases})
    count = max(1, round(len(patients) * validation_part))
    if count >= len(patients):
        raise BadInputError(
            f"{len(patients)} cases cannot be split into training and {count} for validation."
        )
    order = np.random.default_rng(seed).permutation(len(patients))
    aside = {patients[int(index)] for index in order[:count]}
    return CaseSplit(
        training=tuple(case for case in cases if case.patient not in aside),
        validation=tuple(case for case in cases if case.patient in aside),
    )


def held_out_patients(patients: Sequence[str], folds: int, fold: int, seed: int) -> list[str]:
    """The patients that one fold of a cross-validation never trains on; every one is in exactly one fold.

    Raises:
        BadInputError: no such fold, or fewer patients than folds.
    """
    names = sorted(set(patients))
    if not 0 <= fold < folds or not 2 <= folds <= len(names):
        raise BadInputError(f"There is no fold {fold} of {folds} over {len(names)} cases.")
    order = np.random.default_rng((seed, folds)).permutation(len(names))
    return sorted(names[int(index)] for index in order[fold::folds])
