"""Synthetic cases as case folders, made once and kept."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import SimpleITK as sitk
from tqdm import tqdm

from segmentation.types import SEQUENCES


def write_phantom_cases(folder: Path, seeds: Sequence[int], processes: int = 1) -> list[Path]:
    """Make the phantoms of `seeds` as case folders under `folder`; those already there are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [folder / f"phantom-{seed:06d}" for seed in seeds]
    missing = [(case, seed) for case, seed in zip(cases, seeds, strict=True) if not case.is_dir()]
    if missing:
        # spawn: a forked child inherits the locks of threads that it does not have.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(processes, len(missing)), mp_context=context) as pool:
            made = pool.map(_write_phantom_case, *zip(*missing, strict=True))
            list(tqdm(made, total=len(missing), desc="making phantoms", unit="case"))
    return cases


def _write_phantom_case(case: Path, seed: int) -> None:
    from segmentation.phantom import make_prepared_case

    scan, truth = make_prepared_case(seed)
    unfinished = case.with_name(f".{case.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for stem in SEQUENCES:
        sitk.WriteImage(getattr(scan, stem), str(unfinished / f"{stem}.nii.gz"))
    sitk.WriteImage(truth, str(unfinished / "seg.nii.gz"))
    os.replace(unfinished, case)
