"""Validators that others wrote, run on what we write: dicom3tools, dcmtk, dcmqi.

What dciodvfy is wrong about, or says on purpose of a private code, is listed with the reason; anything else fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

PROGRAMS = Path(sys.executable).parent
EXPECTED_WARNINGS = (
    (
        r"(ImagePositionPatient|ImageOrientationPatient|FrameOfReferenceUID|PositionReferenceIndicator"
        r"|SliceThickness|SliceLocation)\(....,....\)> - Attribute is not present in standard DICOM IOD",
        "the place of a Secondary Capture in the patient: a Standard Extended SOP Class (PS3.2 section 3.11)",
    ),
    (
        r"Unrecognized defined term = <99GLIOMA>",
        "a private scheme, named in the Coding Scheme Identification",
    ),
    (
        r"Unrecognized defined term = <QUANTITY>",
        "the derived pixel contrast of a parametric map (PS3.3 C.8.32), younger than its table",
    ),
)
"""Warnings only; no error is excused."""
OWN_TABLES = r"Different information entities for attribute - Element=<\w+> IE"
"""dcentvfy's own tables file Accession Number under the series for some kinds of object: not about our values."""


def saved(dataset: Dataset, folder: Path, name: str) -> Path:
    """The object as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def complaints_of_dciodvfy(path: Path) -> list[str]:
    """What David Clunie's validator finds against the object's definition, less what is expected."""
    said = _run(["dciodvfy", "-new", str(path)]).stderr.splitlines()
    found = [line for line in said if line.startswith(("Error", "Warning", "Abort"))]
    return [line for line in found if not any(re.search(known, line) for known, _ in EXPECTED_WARNINGS)]


def complaints_of_dcentvfy(paths: Sequence[Path]) -> list[str]:
    """Where objects disagree about the patient, study, series, equipment or frame of reference they share."""
    said = _run(["dcentvfy", *map(str, paths)])
    return [line for line in (said.stdout + said.stderr).splitlines() if not re.search(OWN_TABLES, line)]


def dump_of_dsrdump(path: Path) -> str:
    """The document as dcmtk reads it; a document that it takes for broken fails."""
    said = _run(["dsrdump", str(path)])
    wrong = [line for line in said.stderr.splitlines() if line.startswith(("E:", "F:"))]
    assert said.returncode == 0, wrong
    assert wrong == []
    return said.stdout


def labels_by_dcmqi(path: Path, folder: Path) -> dict[int, sitk.Image]:
    """Segment number to its mask, as dcmqi reads a SEG."""
    folder.mkdir(parents=True, exist_ok=True)
    program = [str(PROGRAMS / "segimage2itkimage"), "--inputDICOM", str(path)]
    _must([*program, "--outputDirectory", str(folder), "--outputType", "nrrd"])
    meta = json.loads((folder / "meta.json").read_text())
    numbers = [item["labelID"] for group in meta["segmentAttributes"] for item in group]
    return {number: sitk.ReadImage(str(folder / f"{number}.nrrd")) for number in numbers}


def measurements_by_dcmqi(path: Path, folder: Path) -> list[dict]:
    """The measurement groups of a TID 1500 report, as dcmqi reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "report.json"
    _must([str(PROGRAMS / "tid1500reader"), "--inputDICOM", str(path), "--outputMetadata", str(out)])
    return json.loads(out.read_text())["Measurements"]


def map_by_dcmqi(path: Path, folder: Path) -> sitk.Image:
    """A parametric map, as dcmqi reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    program = [str(PROGRAMS / "paramap2itkimage"), "--inputDICOM", str(path)]
    _must([*program, "--outputDirectory", str(folder), "--outputType", "nrrd"])
    return sitk.ReadImage(str(next(folder.glob("*.nrrd"))))


def on_grid_of(image: sitk.Image, grid: sitk.Image) -> np.ndarray:
    """The voxels in the order of the grid, by place in the patient and not by index."""
    return sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), sitk.sitkNearestNeighbor))


def _must(command: list[str]) -> None:
    said = _run(command)
    assert said.returncode == 0, said.stdout + said.stderr


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
