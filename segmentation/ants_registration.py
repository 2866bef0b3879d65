"""The second method of rigid registration: ANTs, asked where SimpleITK's answer does not hold.

It runs in a process of its own: ANTs holds Python's lock for as long as it works, and a worker whose other threads
stand still for half a minute is taken for dead. `python -m segmentation.ants_registration FOLDER` is that process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

if TYPE_CHECKING:
    import ants

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST_S = 600.0
RANDOM_SEED = 42
MATRIX_TOLERANCE = 1e-4


def register_with_ants(
    fixed: sitk.Image, moving: sitk.Image, fixed_mask: sitk.Image
) -> sitk.Euler3DTransform:
    """The rigid transform from points of the fixed image to points of the moving one (both float32, LPS)."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for stem, image in (("fixed", fixed), ("moving", moving), ("mask", fixed_mask)):
            sitk.WriteImage(image, str(folder / f"{stem}.mha"))
        line = [sys.executable, "-m", "segmentation.ants_registration", name]
        subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True, timeout=LONGEST_S)
        return _euler(json.loads((folder / "found.json").read_text()))


def _register(folder: Path) -> None:
    """Read the three images of the folder and leave the parameters of the transform beside them."""
    import ants  # heavy to load, and needed for few scans

    fixed, moving, mask = (
        sitk.ReadImage(str(folder / f"{stem}.mha")) for stem in ("fixed", "moving", "mask")
    )
    near_brain = sitk.BinaryDilate(mask, [max(1, round(15 / s)) for s in mask.GetSpacing()])
    found = ants.registration(
        fixed=_to_ants(fixed),
        moving=_to_ants(moving),
        type_of_transform="Rigid",
        mask=_to_ants(sitk.Cast(near_brain, sitk.sitkFloat32)),
        random_seed=RANDOM_SEED,
    )
    transform = ants.read_transform(found["fwdtransforms"][0])
    numbers = {
        "parameters": [float(v) for v in transform.parameters],
        "centre_mm": [float(v) for v in transform.fixed_parameters[:3]],
    }
    (folder / "found.json").write_text(json.dumps(numbers))


def _to_ants(image: sitk.Image) -> ants.ANTsImage:
    import ants

    array_xyz = np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0))
    return ants.from_numpy(
        array_xyz,
        origin=list(image.GetOrigin()),
        spacing=list(image.GetSpacing()),
        direction=np.reshape(image.GetDirection(), (3, 3)),
    )


def _euler(numbers: dict[str, list[float]]) -> sitk.Euler3DTransform:
    """ANTs keeps ITK's own parameters: three angles or nine of a matrix, and the offset, about a fixed centre."""
    parameters = numbers["parameters"]
    euler = sitk.Euler3DTransform()
    euler.SetCenter(numbers["centre_mm"])
    if len(parameters) == 12:
        euler.SetMatrix(parameters[:9], MATRIX_TOLERANCE)
        euler.SetTranslation(parameters[9:])
    else:
        euler.SetParameters(parameters)
    return euler


if __name__ == "__main__":
    _register(Path(sys.argv[1]))
