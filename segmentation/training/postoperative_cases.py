"""Simulated post-operative case folders, made of labelled pre-operative ones: the command `simulate-postop`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from segmentation.case_folder import LABELS_FILE, NOTE_FILE, CaseNote, case_folders, write_case_note
from segmentation.training.dataset import read_labelled
from segmentation.training.resection import Mask, Visit, read_cavity_shapes, simulate_resection
from segmentation.types import SEQUENCES, Phase


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `simulate-postop`."""
    parser.description = "Make post-operative cases of labelled pre-operative ones."
    parser.add_argument("cases_dir", type=Path, metavar="CASES_DIR", help="labelled, prepared case folders")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="gets NAME-postop1, NAME-postop2, ...")
    parser.add_argument(
        "--shapes", type=Path, required=True, help="folder of outlines; label 4 gives the cavities' shapes"
    )
    parser.add_argument("--variants", type=int, default=1, help="cases made of each (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the cases; those that are there already are kept."""
    made = write_postoperative_cases(
        case_folders(args.cases_dir), args.out_dir, args.shapes, args.variants, args.seed, args.processes
    )
    print(f"{len(made)} cases are in {args.out_dir}")
    return 0


def write_postoperative_cases(
    sources: Sequence[Path], out: Path, shapes_folder: Path, variants: int, seed: int, processes: int
) -> list[Path]:
    """Write `variants` simulated cases of every source; equal for equal seed, sources and shapes.

    Raises:
        BadInputError: no cavity shapes, or a case without labels or tumour.
    """
    shapes = read_cavity_shapes(shapes_folder)
    wanted = [
        (source, out / f"{source.name}-postop{number}", (seed, zlib.crc32(source.name.encode()), number))
        for source in sources
        for number in range(1, variants + 1)
    ]
    missing = [job for job in wanted if not (job[1] / NOTE_FILE).is_file()]
    # spawn: a forked child inherits the locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        made = pool.map(partial(_write_case, shapes), missing)
        for _ in tqdm(made, total=len(missing), desc="simulated resections", unit="case", leave=False):
            pass
    return [folder for _, folder, _ in wanted]


def _write_case(shapes: Sequence[Mask], job: tuple[Path, Path, tuple[int, int, int]]) -> None:
    source, folder, seed = job
    scan, truth = read_labelled(source)
    images = {name: sitk.GetArrayFromImage(getattr(scan, name)).astype(np.float32) for name in SEQUENCES}
    before = Visit(images, sitk.GetArrayFromImage(truth).astype(np.uint8))
    after = simulate_resection(before, shapes, np.random.default_rng(seed))
    folder.mkdir(parents=True, exist_ok=True)
    for name in SEQUENCES:
        image = sitk.GetImageFromArray(np.round(after.images_zyx[name], 1))
        _write(image, scan.t1ce, folder / f"{name}.nii.gz")
    _write(sitk.GetImageFromArray(after.labels_zyx), scan.t1ce, folder / LABELS_FILE)
    # Written last: a folder with this file is complete.
    write_case_note(folder, CaseNote(Phase.POSTOP, source.name, simulated=True))


def _write(image: sitk.Image, grid: sitk.Image, path: Path) -> None:
    image.CopyInformation(grid)
    sitk.WriteImage(image, str(path), useCompression=True)
