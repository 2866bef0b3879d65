"""The lesions of a label map: how many, how large, of which diameters in the axial plane, and where.

Reference for diameters and the test of measurability: Wen et al., J Clin Oncol 2023;41:5187-5199 (RANO 2.0). Diameters
are outer ones of the enhancing part: a ring is measured across, with what it encloses. They are exact to about one
voxel of the axial plane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import cdist

from segmentation.geometry import to_closest_lps
from segmentation.intensity import Mask, bounding_box
from segmentation.location import BrainFrame
from segmentation.types import Lesion, Tissue

LEAST_LESION_ML = 0.1
"""Smaller pieces are not lesions of their own; they count with the nearest."""
LEAST_DIAMETER_MM = 10.0
LEAST_SLICES = 2

_NEIGHBOURS_26 = ndimage.generate_binary_structure(3, 3)
_NEIGHBOURS_8 = ndimage.generate_binary_structure(2, 2)

Labels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int32]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diameters:
    """The longest diameter of a shape in one axial slice, and the widest extent at right angles to it; mm."""

    long_mm: float = 0.0
    perpendicular_mm: float = 0.0

    @property
    def product_mm2(self) -> float:
        """What RANO compares between visits."""
        return self.long_mm * self.perpendicular_mm

    @property
    def is_measurable(self) -> bool:
        """Whether both are long enough for RANO."""
        return min(self.long_mm, self.perpendicular_mm) >= LEAST_DIAMETER_MM


def find_lesions(labels: sitk.Image, frame: BrainFrame) -> tuple[Lesion, ...]:
    """The lesions of a label map (0, 1, 2, 4) on any grid, the most enhancing first.

    `frame` says where in the brain a point is.
    """
    upright = to_closest_lps(labels)
    ranked = _ranked_lesions(upright)
    if ranked is None:
        return ()
    labels_zyx, numbers_zyx, corner_zyx = ranked
    return tuple(
        replace(
            _lesion(
                np.where(numbers_zyx == number, labels_zyx, 0).astype(np.uint8), corner_zyx, upright, frame
            ),
            number=number,
        )
        for number in range(1, int(numbers_zyx.max()) + 1)
    )


def lesion_map(labels: sitk.Image) -> sitk.Image:
    """The number that `find_lesions` gives to the lesion of every voxel, 0 elsewhere; int32 on the same grid."""
    upright = to_closest_lps(labels)
    whole_zyx = np.zeros(upright.GetSize()[::-1], np.int32)
    ranked = _ranked_lesions(upright)
    if ranked is not None:
        _, numbers_zyx, corner_zyx = ranked
        box = tuple(slice(at, at + n) for at, n in zip(corner_zyx, numbers_zyx.shape, strict=True))
        whole_zyx[box] = numbers_zyx
    numbers = sitk.GetImageFromArray(whole_zyx)
    numbers.CopyInformation(upright)
    return sitk.Resample(numbers, labels, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkInt32)


def _ranked_lesions(upright: sitk.Image) -> tuple[Labels, Numbers, npt.NDArray[np.int64]] | None:
    """Labels and numbers within the box of all tumour, the most enhancing lesion first, and the box's first voxel.

    None where there is no tumour.
    """
    whole_zyx = sitk.GetArrayFromImage(upright)
    if not whole_zyx.any():
        return None
    box_zyx = bounding_box(whole_zyx > 0, 0)
    labels_zyx = whole_zyx[box_zyx]
    numbers_zyx = numbered_lesions(labels_zyx, np.array(upright.GetSpacing()[::-1]))
    n_lesions = int(numbers_zyx.max())
    counts = [
        np.bincount(numbers_zyx[labels_zyx == tissue], minlength=n_lesions + 1)[1:]
        for tissue in (Tissue.ENHANCING, Tissue.NONENHANCING_CORE, Tissue.OEDEMA)
    ]
    order = sorted(range(n_lesions), key=lambda at: tuple(int(one[at]) for one in counts), reverse=True)
    ranks = np.zeros(n_lesions + 1, np.int32)
    ranks[np.array(order, int) + 1] = np.arange(1, n_lesions + 1)
    return labels_zyx, ranks[numbers_zyx], np.array([part.start for part in box_zyx])


def numbered_lesions(labels_zyx: Labels, spacing_zyx_mm: npt.NDArray[np.float64]) -> Numbers:
    """A number from 1 for every voxel of tumour: that of its lesion; 0 elsewhere.

    Each large enough piece of core makes a lesion, and so does tumour without such a piece; all other voxels go to
    the nearest lesion.
    """
    voxel_ml = float(np.prod(spacing_zyx_mm)) / 1000
    seeds_zyx = _large_pieces(np.isin(labels_zyx, (Tissue.NONENHANCING_CORE, Tissue.ENHANCING)), voxel_ml)
    coreless_zyx = _pieces_without(labels_zyx > 0, seeds_zyx > 0)
    more_zyx = _large_pieces(coreless_zyx, voxel_ml)
    seeds_zyx[more_zyx > 0] = more_zyx[more_zyx > 0] + seeds_zyx.max()
    if not seeds_zyx.any():
        return (labels_zyx > 0).astype(np.int32)
    nearest = ndimage.distance_transform_edt(
        seeds_zyx == 0, sampling=spacing_zyx_mm, return_distances=False, return_indices=True
    )
    return np.where(labels_zyx > 0, seeds_zyx[tuple(nearest)], 0).astype(np.int32)


def largest_diameters(mask_yx: Mask, spacing_yx_mm: npt.NDArray[np.float64]) -> Diameters:
    """Of the connected pieces in one slice, the diameters with the largest product."""
    pieces_yx, count = ndimage.label(mask_yx, _NEIGHBOURS_8)
    found = [_diameters_of(pieces_yx == number, spacing_yx_mm) for number in range(1, count + 1)]
    return max(found, key=lambda one: one.product_mm2, default=Diameters())


def _diameters_of(piece_yx: Mask, spacing_yx_mm: npt.NDArray[np.float64]) -> Diameters:
    points_mm = _outline_points(piece_yx) * spacing_yx_mm
    distances_mm = cdist(points_mm, points_mm)
    one, other = np.unravel_index(int(distances_mm.argmax()), distances_mm.shape)
    along = points_mm[other] - points_mm[one]
    across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
    reached_mm = points_mm @ across
    return Diameters(float(distances_mm.max()), float(reached_mm.max() - reached_mm.min()))


def _outline_points(piece_yx: Mask) -> Points:
    """The corners of the hull around the middles of the voxels' edges, in voxels.

    Centres of voxels would make a disk one voxel too small, their corners up to half a voxel too large.
    """
    centres = np.argwhere(piece_yx).astype(np.float64)
    edges = np.concatenate([centres + step for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
    try:
        return np.asarray(edges[ConvexHull(edges).vertices])
    except QhullError:  # too flat for a hull
        return edges


def _lesion(
    labels_zyx: Labels, corner_zyx: npt.NDArray[np.int64], grid: sitk.Image, frame: BrainFrame
) -> Lesion:
    voxel_ml = float(np.prod(grid.GetSpacing())) / 1000
    enhancing_zyx = labels_zyx == Tissue.ENHANCING
    spacing_yx_mm = np.array(grid.GetSpacing()[1::-1])
    slices = [largest_diameters(slice_yx, spacing_yx_mm) for slice_yx in enhancing_zyx if slice_yx.any()]
    largest = max(slices, key=lambda one: one.product_mm2, default=Diameters())
    points_mm = _points_mm(labels_zyx, corner_zyx, grid)
    place = frame.place_of(points_mm)
    x, y, z = (float(value) for value in points_mm.mean(axis=0))
    return Lesion(
        number=0,
        enhancing_ml=np.count_nonzero(enhancing_zyx) * voxel_ml,
        nonenhancing_core_ml=np.count_nonzero(labels_zyx == Tissue.NONENHANCING_CORE) * voxel_ml,
        oedema_ml=np.count_nonzero(labels_zyx == Tissue.OEDEMA) * voxel_ml,
        centre_mm_lps=(x, y, z),
        long_diameter_mm=largest.long_mm,
        perpendicular_diameter_mm=largest.perpendicular_mm,
        n_slices=len(slices),
        is_measurable=sum(one.is_measurable for one in slices) >= LEAST_SLICES,
        hemisphere=place.hemisphere,
        lobe=place.lobe,
    )


def _points_mm(labels_zyx: Labels, corner_zyx: npt.NDArray[np.int64], grid: sitk.Image) -> Points:
    """Where the core is, or the whole lesion where it has none; (n, 3), LPS."""
    core_zyx = np.isin(labels_zyx, (Tissue.NONENHANCING_CORE, Tissue.ENHANCING))
    indices = np.argwhere(core_zyx if core_zyx.any() else labels_zyx > 0) + corner_zyx
    direction = np.reshape(grid.GetDirection(), (3, 3))
    return np.asarray(grid.GetOrigin() + (indices[:, ::-1] * grid.GetSpacing()) @ direction.T)


def _large_pieces(mask_zyx: Mask, voxel_ml: float) -> Numbers:
    """The pieces of at least LEAST_LESION_ML, numbered from 1."""
    pieces_zyx, count = ndimage.label(mask_zyx, _NEIGHBOURS_26)
    sizes_ml = np.bincount(pieces_zyx.ravel(), minlength=count + 1)[1:] * voxel_ml
    large = sizes_ml >= LEAST_LESION_ML
    renumbered = np.concatenate(([0], np.where(large, np.cumsum(large), 0)))
    return renumbered[pieces_zyx].astype(np.int32)


def _pieces_without(mask_zyx: Mask, inside_zyx: Mask) -> Mask:
    """The pieces of a mask that hold nothing of another one."""
    pieces_zyx, count = ndimage.label(mask_zyx, _NEIGHBOURS_26)
    held = np.bincount(pieces_zyx[inside_zyx], minlength=count + 1) > 0
    held[0] = True
    return ~held[pieces_zyx]
