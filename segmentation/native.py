"""Bring a label map from the 1 mm grid back to the grid T1CE was acquired on, keeping its volumes.

A native voxel (often 5 mm thick) is crossed by several tissues. The share of each in it is averaged over a lattice of
points; then so many voxels become tumour that the whole tumour keeps its volume, and inside it the tissues likewise.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from segmentation.geometry import onto_grid, same_grid
from segmentation.types import Tissue

POINT_SPACING_MM = 1.0
FOREGROUND = (Tissue.NONENHANCING_CORE, Tissue.OEDEMA, Tissue.ENHANCING)
LEAST_SHARE = 0.1
IDENTITY = sitk.Transform(3, sitk.sitkIdentity)

Shares = npt.NDArray[np.float32]


def labels_on_native_grid(labels: sitk.Image, t1ce_grid: sitk.Image) -> sitk.Image:
    """The label map (0, 1, 2, 4) as uint8 on exactly the geometry of `t1ce_grid`; the same labels if grids agree."""
    if same_grid(labels, t1ce_grid):
        unchanged = sitk.Cast(labels, sitk.sitkUInt8)
        unchanged.CopyInformation(t1ce_grid)
        return unchanged
    shares_czyx = np.stack([_share_of(labels, tissue, t1ce_grid) for tissue in FOREGROUND])
    native = sitk.GetImageFromArray(_decided(shares_czyx))
    native.CopyInformation(t1ce_grid)
    return native


def _share_of(labels: sitk.Image, tissue: Tissue, grid: sitk.Image) -> Shares:
    """How much of each voxel of the grid the tissue fills, 0 to 1."""
    points = [max(1, math.ceil(s / POINT_SPACING_MM)) for s in grid.GetSpacing()]
    present = sitk.Cast(labels == int(tissue), sitk.sitkFloat32)
    sampled = onto_grid(present, _finer(grid, points), IDENTITY)
    return sitk.GetArrayFromImage(sitk.BinShrink(sampled, points))


def _finer(grid: sitk.Image, points: list[int]) -> sitk.Image:
    """An empty grid with `points` voxels in each voxel of the given one, along x, y, z."""
    finer = sitk.Image([n * p for n, p in zip(grid.GetSize(), points, strict=True)], sitk.sitkUInt8)
    finer.SetSpacing([s / p for s, p in zip(grid.GetSpacing(), points, strict=True)])
    finer.SetDirection(grid.GetDirection())
    finer.SetOrigin(grid.TransformContinuousIndexToPhysicalPoint([0.5 / p - 0.5 for p in points]))
    return finer


def _decided(shares_czyx: Shares) -> npt.NDArray[np.uint8]:
    """One label per voxel: first tumour or not, then enhancing core, then the rest, each keeping its total."""
    labels_zyx = np.zeros(shares_czyx.shape[1:], np.uint8)
    tumour = _fullest(shares_czyx.sum(axis=0), np.ones(labels_zyx.shape, bool))
    core_share, _, enhancing_share = shares_czyx
    core = _fullest(core_share + enhancing_share, tumour)
    enhancing = _fullest(enhancing_share, core)
    labels_zyx[tumour] = Tissue.OEDEMA
    labels_zyx[core] = Tissue.NONENHANCING_CORE
    labels_zyx[enhancing] = Tissue.ENHANCING
    return labels_zyx


def _fullest(share_zyx: Shares, candidates_zyx: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """As many candidates, the fullest first, as together hold what the shares add up to."""
    wanted = round(float(share_zyx.sum(dtype=np.float64)))
    possible = np.flatnonzero(candidates_zyx & (share_zyx > LEAST_SHARE))
    order = np.argsort(-share_zyx.ravel()[possible], kind="stable")
    chosen = np.zeros(share_zyx.size, bool)
    chosen[possible[order[:wanted]]] = True
    return chosen.reshape(share_zyx.shape)
