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
from segmentation.geometry import isotropic_grid, onto_grid

NETWORK_SPACING_MM = 1.5
LEAST_BRAIN_ML, SMALL_BRAIN_ML, LARGE_BRAIN_ML, MOST_BRAIN_ML = 200.0, 800.0, 2000.0, 2800.0
EDGE_SHARE = 0.02
LEAST_AGREEMENT = 0.85

FloatArray = npt.NDArray[np.float32]


def brain_probability(image: sitk.Image, device: str = "cpu") -> sitk.Image:
    """Probability of brain, float32 on a 1.5 mm grid parallel to the image (one sequence, with skull).

    Raises:
        BadInputError: the image has one single value.
        BadModelError: the network's weights are missing.
    """
    grid = isotropic_grid(image, NETWORK_SPACING_MM)
    floating = sitk.Cast(image, sitk.sitkFloat32)
    values_zyx = sitk.GetArrayFromImage(onto_grid(floating, grid, sitk.Transform(3, sitk.sitkIdentity)))
    deviation = float(values_zyx.std(dtype=np.float64))
    if deviation == 0:
        raise BadInputError("The image for brain extraction has one single value.")
    scored_zyx = (values_zyx - np.float32(values_zyx.mean(dtype=np.float64))) / np.float32(deviation)
    probability = sitk.GetImageFromArray(_through_network(scored_zyx, device))
    probability.CopyInformation(grid)
    return probability


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


def doubts_about(brain: sitk.Image) -> tuple[str, ...]:
    """What a reader should know of a brain outline: an unusual size, or a brain cut off by the edge of the scan."""
    doubts = []
    volume_ml = mask_ml(brain)
    if volume_ml < SMALL_BRAIN_ML:
        doubts.append(
            f"The brain outline is small ({volume_ml:.0f} mL): part of the brain may not be covered."
        )
    if volume_ml > LARGE_BRAIN_ML:
        doubts.append(f"The brain outline is large ({volume_ml:.0f} mL): it may hold more than brain.")
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
    if cut_sides:
        doubts.append(
            f"The T1CE images end inside the brain ({', '.join(cut_sides)}): volumes may miss a part."
        )
    return tuple(doubts)


def agreement(one: sitk.Image, other: sitk.Image) -> float:
    """Dice of two masks on one grid; 1 where both are empty."""
    a, b = sitk.GetArrayViewFromImage(one) > 0, sitk.GetArrayViewFromImage(other) > 0
    total = int(a.sum()) + int(b.sum())
    return 2.0 * int((a & b).sum()) / total if total else 1.0


def mask_ml(mask: sitk.Image) -> float:
    """Volume of the voxels of value 1."""
    voxel_ml = float(np.prod(mask.GetSpacing())) / 1000
    return float((sitk.GetArrayViewFromImage(mask) > 0).sum()) * voxel_ml
