"""The figures behind the quality gates, the range each should lie in, and what the reader is told.

Where the limits come from: docs/preparation.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import SimpleITK as sitk

from segmentation.gates import Gate, judged
from segmentation.geometry import foreground_box, isotropic_grid, onto_grid
from segmentation.registration import RigidFit
from segmentation.rigid_levels import IDENTITY

LEAST_STRUCTURE = 0.16
FINE_MM, BROAD_MM, STRUCTURE_GRID_MM, INSIDE_MM = 3.0, 8.0, 2.0, 16.0
LEAST_INSIDE_VOXELS = 500
LEAST_GAIN = 0.97
MOST_APART_MM = 2.0
MOST_MIRROR_LIKENESS = 1.03
LEAST_COVERED, USUALLY_COVERED = 0.5, 0.95
BRAIN_ML, USUAL_BRAIN_ML = (200.0, 2800.0), (800.0, 2000.0)
LEAST_OVERLAP = 0.85
LEAST_SNR = 5.0
MOST_GHOSTING_PERCENT = 5.0
AWAY_FROM_HEAD_MM = 6.0
LEAST_AIR_VOXELS = 2000
NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6

Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def structure_gates(images: Mapping[str, sitk.Image], brain: sitk.Image) -> tuple[Gate, ...]:
    """Is there a brain in the outline? The network outlines one in bottles of water and in mere noise too.

    Judged before alignment, deep inside the outline, so that neither motion nor its edge counts. The series with most
    structure speaks for all. Nothing where the outline is too thin for it.
    """
    coarse = isotropic_grid(brain, STRUCTURE_GRID_MM)
    inside = onto_grid(brain, coarse, IDENTITY, sitk.sitkNearestNeighbor)
    inside = sitk.BinaryErode(inside, [round(INSIDE_MM / STRUCTURE_GRID_MM)] * 3)
    inside_zyx = sitk.GetArrayFromImage(inside) > 0
    if inside_zyx.sum() < LEAST_INSIDE_VOXELS:
        return ()
    most = max(structure(onto_grid(image, coarse, IDENTITY), inside_zyx) for image in images.values())
    words = (
        "The images are even where the brain should be: this seems to be a test object or noise, not a head."
        if most < LEAST_STRUCTURE
        else "The images have the structure of a brain."
    )
    return (judged("structure", most, "x", (LEAST_STRUCTURE, None), words),)


def structure(image: sitk.Image, inside_zyx: Mask) -> float:
    """How far the 10th and the 90th percentile of what is 3 to 8 mm in size are apart, as a multiple of the median.

    Noise is finer and the shading of coils broader. 0 where the image has no signal inside.
    """
    median = float(np.median(sitk.GetArrayViewFromImage(image)[inside_zyx]))
    if median <= 0:
        return 0.0
    fine, broad = (sitk.SmoothingRecursiveGaussian(image, size) for size in (FINE_MM, BROAD_MM))
    of_size_zyx = sitk.GetArrayFromImage(fine - broad)[inside_zyx]
    low, high = np.percentile(of_size_zyx, [10, 90])
    return float(high - low) / median


def alignment_gates(name: str, fit: RigidFit) -> tuple[Gate, ...]:
    """Did moving the series help, did other starts lead to the same place, and is it of the right side?"""
    gain = fit.information / fit.information_before if fit.information_before > 0 else 99.0
    series = name.lower()
    return (
        judged(
            f"similarity {series}",
            min(gain, 99.0),
            "x",
            (LEAST_GAIN, None),
            f"After alignment {name} shares {gain:.2f} times as much with T1CE as before.",
        ),
        judged(
            f"alignment {series}",
            fit.apart_mm,
            "mm",
            (None, MOST_APART_MM),
            f"The alignment of {name} with T1CE is {'steady' if fit.apart_mm <= MOST_APART_MM else 'uncertain'}: "
            f"two searches ended {fit.apart_mm:.1f} mm apart.",
        ),
        mirror_gate(name, fit.mirror_likeness),
    )


def mirror_gate(name: str, likeness: float) -> Gate:
    """Is the series the mirror image of T1CE's head?"""
    words = (
        f"{name} fits T1CE better when mirrored left to right: the sides are exchanged in one of the two. "
        "Check the side in the source images."
        if likeness > MOST_MIRROR_LIKENESS
        else f"{name} shows the same side as T1CE."
    )
    return judged(f"mirror {name.lower()}", likeness, "x", (None, MOST_MIRROR_LIKENESS), words)


def brain_volume_gates(volume_ml: float) -> tuple[Gate, ...]:
    """Could this be a brain at all, and is it one of usual size?"""
    low, high = USUAL_BRAIN_ML
    words = f"The brain outline holds {volume_ml:.0f} mL."
    if volume_ml < low:
        words = f"The brain outline is small ({volume_ml:.0f} mL): part of the brain may not be covered."
    if volume_ml > high:
        words = f"The brain outline is large ({volume_ml:.0f} mL): it may hold more than brain."
    impossible = f"The brain outline holds {volume_ml:.0f} mL, which no whole brain has."
    return (
        judged("brain_volume", volume_ml, "mL", BRAIN_ML, impossible),
        judged("brain_volume_usual", volume_ml, "mL", USUAL_BRAIN_ML, words),
    )


def coverage_gates(name: str, share: float) -> tuple[Gate, ...]:
    """How much of the brain lies inside the field of view of a series."""
    only = "only " if share < USUALLY_COVERED else ""
    words = f"{name} covers {only}{share:.0%} of the brain seen on T1CE."
    series = name.lower()
    return (
        judged(f"coverage {series}", share, "share", (LEAST_COVERED, None), words),
        judged(f"coverage_full {series}", share, "share", (USUALLY_COVERED, None), words),
    )


def mask_overlap_gate(dice: float) -> Gate:
    """Do the brains found on T1CE and on T1 agree?"""
    words = f"The brain outlines found on T1CE and on T1 agree (Dice {dice:.2f})."
    if dice < LEAST_OVERLAP:
        words = (
            f"The brain outlines found on T1CE and on T1 differ (Dice {dice:.2f}): check the skull-stripping."
        )
    return judged("mask_overlap", dice, "Dice", (LEAST_OVERLAP, None), words)


def image_gates(
    name: str, image: sitk.Image, brain: sitk.Image, to_image: sitk.Transform
) -> tuple[Gate, ...]:
    """Noise and ghosts of one series on its own voxels; `to_image` takes points of the brain mask to the series."""
    inside = onto_grid(brain, image, to_image.GetInverse(), sitk.sitkNearestNeighbor)
    inside_zyx = sitk.GetArrayFromImage(inside) > 0
    values_zyx = sitk.GetArrayFromImage(image).astype(np.float32)
    if not inside_zyx.any():
        return ()
    gates = [_snr_gate(name, values_zyx, inside_zyx, image.GetSpacing())]
    ghosts = ghosting_percent(values_zyx, inside_zyx, image.GetSpacing())
    if ghosts is not None:
        strength = "strong" if ghosts > MOST_GHOSTING_PERCENT else "no strong"
        words = f"{name} shows {strength} ghosts beside the head ({ghosts:.1f} % of the brain's signal)" + (
            ": the patient may have moved." if ghosts > MOST_GHOSTING_PERCENT else "."
        )
        gates.append(judged(f"ghosting {name.lower()}", ghosts, "%", (None, MOST_GHOSTING_PERCENT), words))
    return tuple(gates)


def _snr_gate(name: str, values_zyx: Array, inside_zyx: Mask, spacing_mm: tuple[float, ...]) -> Gate:
    ratio = signal_to_noise(values_zyx, inside_zyx, spacing_mm)
    noisy = " only" if ratio < LEAST_SNR else ""
    words = f"The signal of {name} in the brain is{noisy} {ratio:.1f} times its noise."
    return judged(f"snr {name.lower()}", ratio, "x", (LEAST_SNR, None), words)


def signal_to_noise(values_zyx: Array, inside_zyx: Mask, spacing_mm: tuple[float, ...]) -> float:
    """Median signal of the brain over the noise that stays when all smooth structure is taken away.

    The filter of Immerkaer (1996) in the finest plane, with the median in place of the mean: edges are few. Images
    that were interpolated look less noisy than they are.
    """
    plane = np.argsort(spacing_mm, kind="stable")[2]  # the coarsest axis, x y z, stays out of the kernel
    kernel: Array = np.expand_dims(NOISE_KERNEL, 2 - int(plane))
    whole = np.s_[:] if values_zyx.size < 4e6 else np.s_[::2]
    residue = np.abs(_convolved(values_zyx, kernel)[whole][inside_zyx[whole]])
    noise = float(np.median(residue)) / 0.6745
    signal = float(np.median(values_zyx[inside_zyx]))
    return min(signal / noise, 999.0) if noise > 0 else 999.0


def _convolved(values_zyx: Array, kernel: Array) -> Array:
    filtered: Array = scipy.ndimage.convolve(values_zyx, kernel, mode="nearest")
    return filtered


def ghosting_percent(values_zyx: Array, inside_zyx: Mask, spacing_mm: tuple[float, ...]) -> float | None:
    """How unlike the air on the sides and the air before and behind the head are, in % of the brain's signal.

    Ghosts run along one axis, noise does not: the ratio is that of the ACR phantom test. None where the field of view
    leaves too little air.
    """
    brain_z, brain_y, brain_x = _box_of(inside_zyx)
    slab_zyx = values_zyx[brain_z]
    signal = float(np.median(values_zyx[inside_zyx]))
    _, head_y, head_x = _box_of(_head(slab_zyx, signal))
    away_x, away_y = (round(AWAY_FROM_HEAD_MM / spacing) for spacing in spacing_mm[:2])
    beside = _outside(slab_zyx[:, brain_y, :], head_x, away_x, axis=2)
    before = _outside(slab_zyx[:, :, brain_x], head_y, away_y, axis=1)
    if min(beside.size, before.size) < LEAST_AIR_VOXELS or signal <= 0:
        return None
    return abs(float(beside.mean()) - float(before.mean())) / (2 * signal) * 100


def _head(slab_zyx: Array, signal: float) -> Mask:
    """Whatever is bright, in its largest piece: a ghost is not part of the head."""
    bright = sitk.GetImageFromArray((slab_zyx > 0.3 * signal).astype(np.uint8))
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(bright), sortByObjectSize=True)
    head: Mask = sitk.GetArrayFromImage(pieces) == 1
    return head


def _outside(slab: Array, head: slice, away: int, axis: int) -> Array:
    first, last = max(0, head.start - away), min(slab.shape[axis], head.stop + away)
    parts = (np.take(slab, range(first), axis), np.take(slab, range(last, slab.shape[axis]), axis))
    return np.concatenate([part.ravel() for part in parts])


def _box_of(mask_zyx: Mask) -> tuple[slice, slice, slice]:
    mask = sitk.GetImageFromArray(mask_zyx.astype(np.uint8))
    (x, y, z), (width, height, depth) = foreground_box(mask)
    return slice(z, z + depth), slice(y, y + height), slice(x, x + width)
