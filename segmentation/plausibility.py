"""Does what was outlined look like a glioma at all? What does not lies outside of what the models were validated for.

A glioma grows within the brain; a meningioma or another mass from the dura lies against its surface with a large part
of its own. Measured as the share of the core's surface within 3 mm of the brain's: 22 labelled gliomas at most 0.31,
but one of 2 mL 0.39; 11 balls of 1 to 12 mL centred on the surface of a real brain at least 0.46. The limit was chosen
on these very cases, so how well it parts others is not known; no real meningioma was at hand.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from segmentation.postprocess import Labels
from segmentation.types import TISSUES_OF, Compartment, Finding

NEAR_SURFACE_VOXELS = 3
"""Of 1 mm."""
MOST_ON_SURFACE = 0.42
LEAST_VOXELS = 500
"""Of smaller cores the surface is most of the volume."""

NO_TUMOUR = "No tumour was found: all volumes are zero."

Mask = npt.NDArray[np.bool_]


def implausible(labels_zyx: Labels, brain_zyx: Mask) -> tuple[Finding, ...]:
    """Why the outline (on 1 mm cubes, as the brain) is not one of a glioma within the brain; empty where it may be."""
    if not labels_zyx.any():
        return (
            Finding("no_tumour", "No tumour was found: this may not be a glioma, or the outline failed."),
        )
    share = share_on_surface(np.isin(labels_zyx, TISSUES_OF[Compartment.TUMOUR_CORE]), brain_zyx)
    if share > MOST_ON_SURFACE:
        words = (
            f"{share:.0%} of the tumour core's surface lies against the surface of the brain: "
            "it may be an extra-axial tumour, such as a meningioma."
        )
        return (Finding("extra_axial", words),)
    return ()


def share_on_surface(core_zyx: Mask, brain_zyx: Mask) -> float:
    """How much of the surface of the core's largest piece lies within 3 mm of the outside of the brain (0 to 1)."""
    pieces, count = scipy.ndimage.label(core_zyx)
    if count == 0:
        return 0.0
    sizes = np.bincount(pieces.ravel())[1:]
    if sizes.max() < LEAST_VOXELS:
        return 0.0
    piece = scipy.ndimage.binary_fill_holes(pieces == 1 + int(np.argmax(sizes)))
    whole_brain = scipy.ndimage.binary_fill_holes(np.pad(brain_zyx > 0, 1))
    depth = scipy.ndimage.distance_transform_edt(whole_brain)[1:-1, 1:-1, 1:-1]
    surface = piece & ~scipy.ndimage.binary_erosion(piece)
    return float((depth[surface] <= NEAR_SURFACE_VOXELS).mean())
