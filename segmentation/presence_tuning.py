"""Choosing from which evidence on a model's enhancing tumour is believed, on labelled cases.

A tumour that truly enhances must keep some of it: to lose one weighs more than any overlap. Of the limits that lose the
fewest and overlap about as well as the best, the one is taken that lies farthest from any piece: it would bear most.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from segmentation.geometry import onto_grid
from segmentation.native import IDENTITY
from segmentation.postprocess import LEAST_ENHANCING_VOXELS, components
from segmentation.presence import LEAST_EVIDENCE
from segmentation.types import Tissue

AS_GOOD_DICE = 0.005
"""Differences in mean Dice below this are chance."""
BEYOND = 0.5
"""How far below the least and above the most evidence a limit may lie, in log odds."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One connected piece that the enhancing networks outlined; sizes in voxels of 1 mm."""

    evidence: float
    voxels: int
    true_voxels: int
    """Of these, enhancing tumour by the reader's outline."""


@dataclass(frozen=True, slots=True)
class EnhancingCase:
    """All pieces of one labelled case."""

    case: str
    pieces: tuple[Piece, ...]
    true_voxels: int

    def dice_from(self, least_evidence: float) -> float:
        """Overlap of the pieces that are believed with the reader's enhancing tumour; 1 where both are empty."""
        kept = [piece for piece in self.pieces if piece.evidence >= least_evidence]
        found = sum(piece.voxels for piece in kept)
        if found < LEAST_ENHANCING_VOXELS:
            kept, found = [], 0
        shared, both = sum(piece.true_voxels for piece in kept), found + self.true_voxels
        return 2 * shared / both if both else 1.0

    def loses_all_from(self, least_evidence: float) -> bool:
        """Whether nothing of a true enhancing tumour is left that the networks had outlined."""
        return self.dice_from(-math.inf) > 0 and self.true_voxels > 0 and self.dice_from(least_evidence) == 0


@dataclass(frozen=True, slots=True)
class Choice:
    """A limit, and what it does to the cases it was chosen on."""

    least_evidence: float
    mean_dice: float
    lost: int
    """Cases whose true enhancing tumour is gone."""


def enhancing_case(case: str, evidence: sitk.Image, reference: sitk.Image) -> EnhancingCase:
    """The pieces of a result, from its image of evidence, beside the reader's label map."""
    evidence_zyx = sitk.GetArrayViewFromImage(evidence)
    on_cubes = onto_grid(reference, evidence, IDENTITY, sitk.sitkNearestNeighbor)
    true_zyx = sitk.GetArrayViewFromImage(on_cubes) == Tissue.ENHANCING
    pieces_zyx, sizes = components(np.isfinite(evidence_zyx))
    hits = np.bincount(pieces_zyx[true_zyx], minlength=sizes.size + 1)[1:]
    numbers = np.arange(1, sizes.size + 1)
    values = ndimage.maximum(evidence_zyx, pieces_zyx, numbers) if sizes.size else []
    pieces = (
        Piece(float(value), int(size), int(hit)) for value, size, hit in zip(values, sizes, hits, strict=True)
    )
    return EnhancingCase(case, tuple(pieces), int(true_zyx.sum()))


def judge(cases: Sequence[EnhancingCase], least_evidence: float) -> Choice:
    """What a limit does to the cases."""
    return Choice(
        least_evidence,
        statistics.fmean(case.dice_from(least_evidence) for case in cases),
        sum(case.loses_all_from(least_evidence) for case in cases),
    )


def choose(cases: Sequence[EnhancingCase]) -> Choice:
    """The limit that loses the fewest true enhancing tumours, overlaps well, and lies in the widest gap.

    Where no network outlined anything it is the one that holds for models without a rule.
    """
    seen = sorted({piece.evidence for case in cases for piece in case.pieces})
    if not seen:
        return judge(cases, LEAST_EVIDENCE)
    gaps = {
        (low + high) / 2: high - low for low, high in pairwise([seen[0] - BEYOND, *seen, seen[-1] + BEYOND])
    }
    choices = [judge(cases, limit) for limit in gaps]
    fewest = min(choice.lost for choice in choices)
    safe = [choice for choice in choices if choice.lost == fewest]
    best = max(choice.mean_dice for choice in safe)
    as_good = [choice for choice in safe if choice.mean_dice >= best - AS_GOOD_DICE]
    return max(as_good, key=lambda choice: gaps[choice.least_evidence])


def left_out_choices(cases: Sequence[EnhancingCase]) -> list[float]:
    """Of each case the Dice with the limit that the others would have chosen."""
    return [
        case.dice_from(choose([other for other in cases if other is not case]).least_evidence)
        for case in cases
    ]
