"""Which lesion of one visit is which of another: the heads are laid together, then lesions are joined by place.

Rigid registration cannot follow tissue that moves into a cavity, so lesions that only come close are joined too. A
lesion keeps its identity along the largest overlap in both directions; whatever else touches it significantly has
split from it or was swallowed by it. Every limit is a constant here; none was fitted to patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from segmentation.errors import BadGeometryError
from segmentation.geometry import to_closest_lps
from segmentation.intensity import bounding_box
from segmentation.lesions import lesion_map
from segmentation.registration import RigidFit, RigidRegistration, one_thread
from segmentation.types import Fate, Tissue

CLOSE_MM = 5.0
"""Lesions without any overlap are joined where their surfaces come at least this near: what a resection lets shift."""
LEAST_SHARE = 0.1
"""An overlap counts from this share of the smaller lesion: neighbours that grow to touch stay two lesions."""

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the head of an earlier visit lies in a later one's."""

    transform: sitk.Euler3DTransform
    """Points of the later T1CE to points of the earlier one, mm."""
    is_sure: bool
    moved_mm: float
    apart_mm: float
    """Between two searches, at the worst corner of the brain."""
    words: str = ""
    """Why it is not sure."""


@dataclass(frozen=True, slots=True)
class LesionMatch:
    """One lesion of the later visit and what it was in the earlier one."""

    number: int
    continues: int | None
    """The earlier lesion whose identity it keeps."""
    parents: tuple[int, ...] = ()
    """Earlier lesions that it split from, or that it swallowed."""

    @property
    def fate(self) -> Fate:
        """In one word."""
        if self.continues is not None:
            return Fate.MERGED if self.parents else Fate.SAME
        return Fate.SPLIT if self.parents else Fate.NEW


@dataclass(frozen=True, slots=True)
class Matching:
    """All lesions of two visits."""

    lesions: tuple[LesionMatch, ...]
    vanished: tuple[int, ...]
    """Earlier lesions of which nothing is left."""


def align(later: sitk.Image, brain_mask: sitk.Image, earlier: sitk.Image) -> Alignment:
    """Lay the T1CE of an earlier visit onto a later one, within the later one's brain.

    Raises:
        BadGeometryError: the two images have nothing in common.
    """
    fixed, moving = (to_closest_lps(sitk.Cast(image, sitk.sitkFloat32)) for image in (later, earlier))
    mask = sitk.Resample(brain_mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
    if not sitk.GetArrayViewFromImage(mask).any():
        raise BadGeometryError("The brain of the later visit lies outside of its T1CE.")
    try:
        with one_thread():
            fit = RigidRegistration(fixed, mask).fit(moving, "T1CE of the earlier visit")
    except RuntimeError as error:  # ITK knows no other kind
        raise BadGeometryError("The registration with the earlier visit broke off.") from error
    return Alignment(fit.transform, not (words := _doubt(fit)), fit.moved_mm, fit.apart_mm, words)


def _doubt(fit: RigidFit) -> str:
    if fit.mirror_likeness > 1:
        return "the mirror image of the earlier visit fits better than the visit itself"
    if not fit.sure:
        return f"two searches for the earlier visit's place ended {fit.apart_mm:.0f} mm apart"
    return ""


def lesion_places(labels: sitk.Image) -> sitk.Image:
    """Where each lesion of a label map is: the number of its core, or of all of it where it has none; int32."""
    numbers = lesion_map(labels)
    numbers_zyx = sitk.GetArrayFromImage(numbers)
    core_zyx = np.isin(
        sitk.GetArrayViewFromImage(labels), (int(Tissue.NONENHANCING_CORE), int(Tissue.ENHANCING))
    )
    with_core = np.zeros(int(numbers_zyx.max()) + 1, bool)
    with_core[np.unique(numbers_zyx[core_zyx])] = True
    places = sitk.GetImageFromArray(np.where(core_zyx | ~with_core[numbers_zyx], numbers_zyx, 0))
    places.CopyInformation(labels)
    return places


def brought_over(places: sitk.Image, grid: sitk.Image, alignment: sitk.Transform) -> sitk.Image:
    """Numbers of an earlier visit on the grid of a later one; `alignment` takes later points to earlier ones."""
    return sitk.Resample(places, grid, alignment, sitk.sitkNearestNeighbor, 0, sitk.sitkInt32)


def match_lesions(later: sitk.Image, earlier: sitk.Image) -> Matching:
    """Join the lesions of two visits by their places (numbers from 1) on one grid.

    Raises:
        BadGeometryError: the two are on different grids.
    """
    if later.GetSize() != earlier.GetSize():
        raise BadGeometryError("The lesions of two visits can only be compared on one grid.")
    later_zyx, earlier_zyx = (sitk.GetArrayViewFromImage(image) for image in (later, earlier))
    numbers = [[int(one) for one in np.unique(array) if one] for array in (later_zyx, earlier_zyx)]
    links = _links(later_zyx, earlier_zyx, np.array(later.GetSpacing()[::-1]))
    # The strongest link of each side; ties go to the lower number.
    first_parent = {one: _strongest({e: w for (n, e), w in links.items() if n == one}) for one in numbers[0]}
    first_child = {one: _strongest({n: w for (n, e), w in links.items() if e == one}) for one in numbers[1]}
    matches = tuple(_match(one, first_parent[one], first_child) for one in numbers[0])
    vanished = tuple(one for one in numbers[1] if first_child[one] is None)
    return Matching(matches, vanished)


def _match(number: int, parent: int | None, first_child: dict[int, int | None]) -> LesionMatch:
    if parent is None:
        return LesionMatch(number, None)
    mine = tuple(one for one, child in first_child.items() if child == number)
    if parent in mine:
        return LesionMatch(number, parent, tuple(one for one in mine if one != parent))
    return LesionMatch(number, None, (parent, *mine))


def _strongest(weights: dict[int, float]) -> int | None:
    return max(sorted(weights), key=lambda one: weights[one], default=None)


def _links(
    later_zyx: Numbers, earlier_zyx: Numbers, spacing_zyx_mm: npt.NDArray[np.float64]
) -> dict[tuple[int, int], float]:
    """Pairs (later, earlier) that are joined: how many voxels they share, or for near ones minus the gap in mm."""
    either_zyx = (later_zyx > 0) | (earlier_zyx > 0)
    if not either_zyx.any():
        return {}
    box = bounding_box(either_zyx, 0)
    later_zyx, earlier_zyx = later_zyx[box], earlier_zyx[box]
    shared = _shared_voxels(later_zyx, earlier_zyx)
    sizes = [
        dict(zip(*np.unique(array, return_counts=True), strict=True)) for array in (later_zyx, earlier_zyx)
    ]
    links = {
        (one, other): float(n)
        for (one, other), n in shared.items()
        if n >= LEAST_SHARE * min(sizes[0][one], sizes[1][other])
    }
    joined = [{pair[side] for pair in links} for side in (0, 1)]
    return links | {
        pair: -gap_mm
        for pair, gap_mm in _gaps_mm(later_zyx, earlier_zyx, spacing_zyx_mm).items()
        if gap_mm <= CLOSE_MM and not (pair[0] in joined[0] or pair[1] in joined[1])
    }


def _shared_voxels(later_zyx: Numbers, earlier_zyx: Numbers) -> dict[tuple[int, int], int]:
    both_zyx = (later_zyx > 0) & (earlier_zyx > 0)
    pairs, counts = np.unique(
        np.stack([later_zyx[both_zyx], earlier_zyx[both_zyx]]), axis=1, return_counts=True
    )
    return {(int(one), int(other)): int(n) for one, other, n in zip(*pairs, counts, strict=True)}


def _gaps_mm(
    later_zyx: Numbers, earlier_zyx: Numbers, spacing_zyx_mm: npt.NDArray[np.float64]
) -> dict[tuple[int, int], float]:
    """The distance between the nearest voxels of every pair."""
    gaps = {}
    numbers = [int(one) for one in np.unique(later_zyx) if one]
    for other in (int(one) for one in np.unique(earlier_zyx) if one):
        away_mm = ndimage.distance_transform_edt(earlier_zyx != other, sampling=spacing_zyx_mm)
        for one, least_mm in zip(numbers, ndimage.minimum(away_mm, later_zyx, numbers), strict=True):
            gaps[one, other] = float(least_mm)
    return gaps
