"""Brain extraction: HD-BET's first network on T1CE and on T1, whose probabilities are averaged.

Trained on glioma patients before and after surgery. Which images, what frame and what precision: measured in
docs/preparation.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import torch

from segmentation.brain_network import FRAME_MULTIPLE, load_brain_network
from segmentation.errors import BadInputError
from segmentation.geometry import Box, crop, foreground_box, isotropic_grid, onto_grid

BRAIN_MM = 1.75
LEAST_BRAIN_ML, MOST_BRAIN_ML = 200.0, 2800.0
EDGE_SHARE = 0.02
HEAD_SPACING_MM, HEAD_MARGIN_MM, HEAD_HEIGHT_MM = 4.0, 12.0, 195.0
SPARE_MM = 12.0
"""Of each side of the frame together: air, scalp, or neck, at least whose half is margin."""

FloatArray = npt.NDArray[np.float32]


def brain_probability(image: sitk.Image, device: str = "cpu", spacing_mm: float = BRAIN_MM) -> sitk.Image:
    """Probability of brain, float32 on cubes parallel to the image (one sequence, with skull, LPS), around its head.

    Raises:
        BadInputError: the image has one single value.
        BadModelError: the network's weights are missing.
    """
    floating = sitk.Cast(image, sitk.sitkFloat32)
    if np.ptp(sitk.GetArrayViewFromImage(floating)) == 0:
        raise BadInputError("The image for brain extraction has one single value.")
    grid = _frame(floating, spacing_mm)
    values_zyx = sitk.GetArrayFromImage(onto_grid(floating, grid, sitk.Transform(3, sitk.sitkIdentity)))
    deviation = float(values_zyx.std(dtype=np.float64))
    scored_zyx = (values_zyx - np.float32(values_zyx.mean(dtype=np.float64))) / np.float32(deviation)
    probability = sitk.GetImageFromArray(_through_network(scored_zyx, device))
    probability.CopyInformation(grid)
    return probability


def _frame(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """An empty grid of cubes around the head, trimmed a little where that saves a whole step of the network's frame."""
    grid = isotropic_grid(crop(image, head_box(image)), spacing_mm)
    over = [n % FRAME_MULTIPLE for n in grid.GetSize()]
    less = [n if n * spacing_mm <= SPARE_MM else 0 for n in over]
    kept = [n - lost for n, lost in zip(grid.GetSize(), less, strict=True)]
    return crop(grid, ((less[0] // 2, less[1] // 2, less[2]), (kept[0], kept[1], kept[2])))


def head_box(image: sitk.Image) -> Box:
    """The head without the air around it and without the neck, with a margin; everything where that is unclear.

    The network's time goes by the size of its frame, and half of a sagittal 3D series is air and neck.
    """
    factors = [
        max(1, min(n, round(HEAD_SPACING_MM / s)))
        for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    small = sitk.BinShrink(image, factors)
    pieces = sitk.RelabelComponent(
        sitk.ConnectedComponent(
            sitk.OtsuThreshold(sitk.Clamp(small, sitk.sitkFloat32, *_usual_range(small)), 0, 1)
        ),
        sortByObjectSize=True,
    )
    first, size = foreground_box(sitk.Cast(pieces == 1, sitk.sitkUInt8), HEAD_MARGIN_MM)
    height = min(size[2], round(HEAD_HEIGHT_MM / small.GetSpacing()[2]))
    lowest = first[2] + size[2] - height
    start = [first[0] * factors[0], first[1] * factors[1], lowest * factors[2]]
    ends = [
        min(n, s + length * f)
        for n, s, length, f in zip(image.GetSize(), start, (size[0], size[1], height), factors, strict=True)
    ]
    return (start[0], start[1], start[2]), (ends[0] - start[0], ends[1] - start[1], ends[2] - start[2])


def _usual_range(image: sitk.Image) -> tuple[float, float]:
    low, high = np.percentile(sitk.GetArrayViewFromImage(image), (0.0, 99.0))
    return float(low), float(high)


def _through_network(scored_zyx: FloatArray, device: str) -> FloatArray:
    padding = [(0, -n % FRAME_MULTIPLE) for n in scored_zyx.shape]
    frame = torch.from_numpy(np.pad(scored_zyx, padding))[None, None].to(device)  # (1, 1, D, H, W)
    half = device == "cpu" and torch.cpu._is_avx512_bf16_supported()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        probability = load_brain_network(device)(frame)[0].float().cpu().numpy()
    depth, height, width = scored_zyx.shape
    return np.ascontiguousarray(probability[:depth, :height, :width])


def outline(probability: sitk.Image) -> sitk.Image:
    """The brain as one solid piece, uint8: more likely than not, largest component, holes filled.

    Raises:
        BadInputError: nothing in the image looks like a brain.
    """
    likely = sitk.BinaryThreshold(probability, 0.5, 2.0)
    pieces = sitk.RelabelComponent(sitk.ConnectedComponent(likely), sortByObjectSize=True)
    brain = sitk.BinaryFillhole(sitk.Cast(pieces == 1, sitk.sitkUInt8))
    volume_ml = mask_ml(brain)
    if volume_ml < LEAST_BRAIN_ML:
        raise BadInputError(
            f"No brain was found in T1CE ({volume_ml:.0f} mL): is this a head, and is most of the brain covered?"
        )
    if volume_ml > MOST_BRAIN_ML:
        raise BadInputError(f"The brain outline holds {volume_ml:.0f} mL, more than any brain.")
    return brain


def cut_off_warnings(brain: sitk.Image) -> tuple[str, ...]:
    """Said of a brain that is cut off by the edge of the scan."""
    mask_zyx = sitk.GetArrayViewFromImage(brain) > 0
    cut_sides = [
        name
        for name, face in (
            ("top", mask_zyx[-1]),
            ("left or right", mask_zyx[:, :, 0] | mask_zyx[:, :, -1]),
            ("front or back", mask_zyx[:, 0, :] | mask_zyx[:, -1, :]),
        )
        if face.mean() > EDGE_SHARE
    ]
    if not cut_sides:
        return ()
    return (f"The T1CE images end inside the brain ({', '.join(cut_sides)}): volumes may miss a part.",)


def agreement(one: sitk.Image, other: sitk.Image) -> float:
    """Dice of two masks on one grid; 1 where both are empty."""
    a, b = sitk.GetArrayViewFromImage(one) > 0, sitk.GetArrayViewFromImage(other) > 0
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def mask_ml(mask: sitk.Image) -> float:
    """Volume of the voxels of value 1."""
    voxel_ml = float(np.prod(mask.GetSpacing())) / 1000
    return float((sitk.GetArrayViewFromImage(mask) > 0).sum()) * voxel_ml
