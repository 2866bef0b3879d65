"""From the three regions' masks to one label map: close gaps, drop islands, nest the regions.

Reference: the rules of CA-CNN's published test procedure (Wang et al., BrainLes 2017). Where it has no answer, all
components being small, the largest one is kept. Closing happens on a padded array: at the edge of a crop scipy
would erode.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.intensity import Mask
from segmentation.types import Tissue

LEAST_TUMOUR_VOXELS = 100
"""Less than this (0.1 mL at 1 mm) is not called a tumour."""
LEAST_LESION_VOXELS = 2000
LEAST_ENHANCING_VOXELS = 30
SECOND_LESION_SHARE = 0.1
LEAST_OVERLAP_WITH_WHOLE = 0.5

_NEIGHBOURS_18 = ndimage.generate_binary_structure(3, 2)

Labels = npt.NDArray[np.uint8]


def whole_tumour_region(mask_zyx: Mask) -> Mask:
    """What of the whole-tumour mask is large enough to look into; empty where there is no tumour."""
    if np.count_nonzero(mask_zyx) < LEAST_TUMOUR_VOXELS:
        return np.zeros_like(mask_zyx)
    return large_components(close(mask_zyx), LEAST_LESION_VOXELS)


def core_region(mask_zyx: Mask) -> Mask:
    """The main one or two lesions of a tumour-core mask; empty where that is."""
    return main_components(close(mask_zyx))


def fuse(whole_zyx: Mask, core_zyx: Mask, enhancing_zyx: Mask) -> Labels:
    """One label map of nested regions from three masks that need not be nested."""
    lesions_zyx = large_components(close(whole_zyx | core_zyx | enhancing_zyx), LEAST_LESION_VOXELS)
    whole_zyx = whole_zyx & lesions_zyx
    core_zyx = close((core_zyx | enhancing_zyx) & lesions_zyx)
    core_zyx = main_components(_mostly_within(core_zyx, whole_zyx))
    whole_zyx = whole_zyx | core_zyx
    enhancing_zyx = enhancing_zyx & core_zyx
    if np.count_nonzero(enhancing_zyx) < LEAST_ENHANCING_VOXELS:
        enhancing_zyx = np.zeros_like(enhancing_zyx)
    labels_zyx = np.zeros(whole_zyx.shape, np.uint8)
    labels_zyx[whole_zyx] = Tissue.OEDEMA
    labels_zyx[core_zyx] = Tissue.NONENHANCING_CORE
    labels_zyx[enhancing_zyx] = Tissue.ENHANCING
    return labels_zyx


def close(mask_zyx: Mask) -> Mask:
    """Binary closing by one voxel, 18 neighbours, that does not erode at the array's edge."""
    closed_zyx = ndimage.binary_closing(np.pad(mask_zyx, 1), _NEIGHBOURS_18)
    return np.asarray(closed_zyx[1:-1, 1:-1, 1:-1], bool)


def large_components(mask_zyx: Mask, more_than_voxels: int) -> Mask:
    """Components of more than so many voxels; the largest one where none is."""
    components_zyx, sizes = components(mask_zyx)
    keep = sizes > min(more_than_voxels, int(sizes.max(initial=0)) - 1)
    return keep_components(components_zyx, keep)


def main_components(mask_zyx: Mask) -> Mask:
    """The largest component, and the second where it has more than a tenth of the largest one's voxels."""
    components_zyx, sizes = components(mask_zyx)
    keep = np.zeros(sizes.shape, bool)
    by_size = np.argsort(-sizes, kind="stable")
    keep[by_size[:1]] = True
    keep[by_size[1:2]] = sizes[by_size[1:2]] > SECOND_LESION_SHARE * sizes[by_size[:1]]
    return keep_components(components_zyx, keep)


def keep_components(components_zyx: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]) -> Mask:
    """Mask of the components (numbered from 1) whose entry in `keep` is true."""
    chosen = np.concatenate(([False], keep))
    return chosen[components_zyx]


def _mostly_within(mask_zyx: Mask, region_zyx: Mask) -> Mask:
    """Components of which at least half lies in the region."""
    components_zyx, sizes = components(mask_zyx)
    within = np.bincount(components_zyx[region_zyx], minlength=sizes.size + 1)[1:]
    return keep_components(components_zyx, within >= LEAST_OVERLAP_WITH_WHOLE * sizes)


def components(mask_zyx: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Connected pieces (18 neighbours): numbers from 1 in the place of the mask, and the voxels of each."""
    components_zyx = np.zeros(mask_zyx.shape, np.int32)
    count = ndimage.label(mask_zyx, _NEIGHBOURS_18, output=components_zyx)
    return components_zyx, np.bincount(components_zyx.ravel(), minlength=count + 1)[1:]
