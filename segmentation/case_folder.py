"""Case folders: `t1 t1ce t2 flair.nii.gz` and, if labelled, `seg.nii.gz`; results as `seg.nii.gz` + `result.json`."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from segmentation.errors import BadGeometryError, BadInputError
from segmentation.geometry import same_grid
from segmentation.measure import by_quantity
from segmentation.nifti_file import check_nifti
from segmentation.types import (
    SEQUENCES,
    BrainScan,
    Phase,
    PreparedScan,
    Segmentation,
    Tissue,
    VolumeEstimate,
)
from segmentation.whole_file import write_whole

LABELS_FILE, RESULT_FILE, NOTE_FILE = "seg.nii.gz", "result.json", "case.json"
UNCERTAINTY_FILE = "uncertainty.nii.gz"


def read_case(folder: Path) -> BrainScan:
    """The four images of a case folder.

    Raises:
        BadInputError: a file is missing, unreadable, or not one 3D image; the text names it.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder} is not a folder.")
    missing = [f"{name}.nii.gz" for name in SEQUENCES if not (folder / f"{name}.nii.gz").is_file()]
    if missing:
        raise BadInputError(f"{folder} lacks {', '.join(missing)}.")
    return BrainScan(**{name: _read_image(folder / f"{name}.nii.gz") for name in SEQUENCES})


def read_reference(folder: Path, grid: sitk.Image) -> sitk.Image:
    """The reader's label map of a labelled case, which must lie on the grid of its T1CE.

    Raises:
        BadInputError: missing, unreadable, or holding labels other than 0, 1, 2, 4.
        BadGeometryError: on another grid.
    """
    path = folder / LABELS_FILE
    if not path.is_file():
        raise BadInputError(f"{folder} has no {LABELS_FILE} to compare with.")
    stored = _read_image(path)
    labels = sitk.Cast(stored, sitk.sitkUInt8)
    if (sitk.GetArrayViewFromImage(stored) != sitk.GetArrayViewFromImage(labels)).any():
        raise BadInputError(
            f"{path} holds labels that are no whole numbers from 0 to 255; known are 0, 1, 2 and 4."
        )
    unknown = set(np.unique(sitk.GetArrayViewFromImage(labels)).tolist()) - {
        tissue.value for tissue in Tissue
    }
    if unknown:
        raise BadInputError(f"{path} holds the labels {sorted(unknown)}; known are 0, 1, 2 and 4.")
    if not same_grid(labels, grid):
        raise BadGeometryError(f"{path} is not on the grid of t1ce.nii.gz.")
    return labels


def case_folders(root: Path, only: list[str] | None = None) -> list[Path]:
    """The cases under a folder, by name; of these only the named ones.

    Raises:
        BadInputError: there are none, or a named one is not there.
    """
    found = {
        path.name: path for path in sorted(root.glob("*/")) if (path / f"{SEQUENCES[0]}.nii.gz").is_file()
    }
    if not found:
        raise BadInputError(f"{root} holds no case folders (folders with {', '.join(SEQUENCES)}.nii.gz).")
    unknown = [name for name in only or [] if name not in found]
    if unknown:
        raise BadInputError(f"{root} has no case called {', '.join(unknown)}.")
    return [path for name, path in found.items() if not only or name in only]


@dataclass(frozen=True, slots=True)
class CaseNote:
    """What `case.json` beside the images says: the phase, and for a simulated case the one it was made from."""

    phase: Phase | None = None
    source: str | None = None
    simulated: bool = False


def read_case_note(folder: Path) -> CaseNote:
    """The note of a case folder; an empty one where there is no `case.json`.

    Raises:
        BadInputError: the file is there and cannot be understood.
    """
    path = folder / NOTE_FILE
    if not path.is_file():
        return CaseNote()
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        phase = Phase(content["phase"]) if "phase" in content else None
        return CaseNote(phase, content.get("source"), bool(content.get("simulated", False)))
    except (ValueError, AttributeError, TypeError) as error:
        raise BadInputError(f"{path} cannot be understood: {error}.") from error


def write_case_note(folder: Path, note: CaseNote) -> None:
    """Write `case.json`."""
    given = {name: value for name, value in asdict(note).items() if value is not None}
    write_json(folder / NOTE_FILE, given)


def write_result(result: Segmentation, folder: Path, with_uncertainty: bool = False) -> None:
    """Write `seg.nii.gz` on the T1CE grid and `result.json` beside it; if asked, the voxels' uncertainty too."""
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(result.labels, str(folder / LABELS_FILE), useCompression=True)
    if with_uncertainty and result.uncertainty is not None:
        sitk.WriteImage(result.uncertainty, str(folder / UNCERTAINTY_FILE), useCompression=True)
    write_json(folder / RESULT_FILE, result_content(result))


def write_prepared(prepared: PreparedScan, folder: Path) -> None:
    """Write the prepared images as a case folder that `--input prepared` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*SEQUENCES, "brain_mask"):
        sitk.WriteImage(getattr(prepared, name), str(folder / f"{name}.nii.gz"), useCompression=True)


def result_content(result: Segmentation) -> dict[str, Any]:
    """What result.json says."""
    volumes = by_quantity(result.volumes)
    return {
        "model": asdict(result.model),
        "phase": result.phase.value,
        "volumes": {name: asdict(volumes[name]) for name in ("WT", "TC", "ET")},
        "labels": {
            "1": _label("non-enhancing core", volumes["nonenhancing_core"]),
            "2": _label("oedema", volumes["oedema"]),
            "4": _label("enhancing tumour", volumes["ET"]),
        },
        "interval_level": 0.95,
        "trust": result.trust.predicted_dice if result.trust else None,
        "trust_interval": [result.trust.low, result.trust.high] if result.trust else None,
        "trust_grade": result.trust.grade.value if result.trust else None,
        "lesions": [asdict(lesion) for lesion in result.lesions],
        "resampling_error_ml": result.resampling_error_ml,
        "seconds": result.seconds | {"total": sum(result.seconds.values())},
        "warnings": list(result.warnings),
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write strict JSON; a reader sees the old file or the new one, never half of it."""
    write_whole(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BadInputError: the file is not there, or is no JSON object.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{path} holds no JSON object.")
    return content


def check_can_write(path: Path) -> None:
    """Find out before a long computation whether its result could be written there, as a file or folder.

    Raises:
        BadInputError: says what is in the way.
    """
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if there != path and not there.is_dir():
        raise BadInputError(f"{path} cannot be written: {there} is no folder.")
    if not os.access(there, os.W_OK):
        raise BadInputError(f"{path} cannot be written: there is no right to write to {there}.")


def _label(name: str, volume: VolumeEstimate) -> dict[str, Any]:
    return {"name": name, **asdict(volume)}


def _read_image(path: Path) -> sitk.Image:
    try:
        check_nifti(path)
        image = sitk.ReadImage(str(path))
    except (
        RuntimeError,
        OSError,
        EOFError,
        zlib.error,
    ) as error:  # RuntimeError is all that SimpleITK raises
        raise BadInputError(f"{path} cannot be read as an image; it may be damaged or cut short.") from error
    is_complex = image.GetPixelID() in (sitk.sitkComplexFloat32, sitk.sitkComplexFloat64)
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1 or is_complex:
        raise BadInputError(f"{path} is not one 3D image with one value a voxel.")
    return image
