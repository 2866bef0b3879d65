"""Is there enhancing tumour at all? A decision for each connected piece of it.

Networks trained with overlap losses paint some enhancement into every tumour; in a tumour without any, that is a whole
wrong compartment. True enhancement differs in two ways: the three views are certain of it (a mean log odds of about
3 to 6 over the piece, against 0 to 2 where it was made up), and contrast medium made it brighter from T1 to T1CE than
the oedema around. A piece is kept by the sum of both, certainty counting most, so that a true focus of a tenth of a
millilitre stands beside a large false one.

The figures were set on the published CA-CNN: 22 real cases (two without enhancement) and 35 made of them by taking the
contrast out of all of the enhancing tumour, or of all but a ball of 3 to 5 mm. How certain a network is differs from
training to training, so that a model may state its own least evidence. See DECISIONS.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.intensity import FloatArray, Mask
from segmentation.postprocess import components
from segmentation.types import SEQUENCES

LEAST_EVIDENCE = 2.4
"""Log odds, for models that state none of their own. It is CA-CNN's: of its made-up pieces the surest reached 2.3, of
each tumour's true enhancement the least sure 2.57."""
CONTRAST_WEIGHT = 0.1
"""Log odds for each deviation of contrast; a mirror of vessels and choroid plexus must not win by brightness alone."""
MOST_CONTRAST = 5.0
LEAST_PROBABILITY = 1e-3
"""Beyond this (and 1 minus it) a probability in half precision says nothing more."""
LEAST_OEDEMA_VOXELS = 500
LEAST_DEVIATION = 1e-3
"""Of z-scored images; less is no tissue but a drawing."""
_MAD_TO_DEVIATION = 1.4826


@dataclass(frozen=True, slots=True)
class Regions:
    """Where to look: the masks of the three networks on one crop, and the brain."""

    brain_zyx: Mask
    whole_zyx: Mask
    core_zyx: Mask
    enhancing_zyx: Mask


@dataclass(frozen=True, slots=True)
class PresenceRule:
    """From which evidence on a piece is believed; stored in a model's model.json."""

    least_evidence: float
    """Log odds."""
    n_cases: int
    cases: str
    """On which cases it was chosen, in words, and whether the model had seen them."""


def evidence_map(regions: Regions, probability_zyx: FloatArray, channels_czyx: FloatArray) -> FloatArray:
    """For each voxel of the enhancing mask the evidence of its piece, in log odds; minus infinity elsewhere.

    `probability_zyx` is the views' mean probability of enhancing tumour; `channels_czyx` the images as the networks
    see them (z-scored over the brain, in the order of SEQUENCES).
    """
    pieces_zyx, sizes = components(regions.enhancing_zyx)
    found = evidence(regions, pieces_zyx, sizes.size, probability_zyx, channels_czyx)
    return np.concatenate([[-np.inf], found]).astype(np.float32)[pieces_zyx]


def evidence(
    regions: Regions,
    pieces_zyx: npt.NDArray[np.int32],
    count: int,
    probability_zyx: FloatArray,
    channels_czyx: FloatArray,
) -> npt.NDArray[np.float64]:
    """Log odds for each piece, numbered from 1: how certain the networks are, and how much contrast there is."""
    numbers = np.arange(1, count + 1)
    if count == 0:
        return np.zeros(0)
    bounded_zyx = np.clip(probability_zyx, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    certainty = ndimage.mean(np.log(bounded_zyx / (1 - bounded_zyx)), pieces_zyx, numbers)
    contrast = _contrast(regions, pieces_zyx, numbers, channels_czyx)
    return np.asarray(certainty + CONTRAST_WEIGHT * np.minimum(contrast, MOST_CONTRAST), np.float64)


def _contrast(
    regions: Regions,
    pieces_zyx: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64],
    channels_czyx: FloatArray,
) -> npt.NDArray[np.float64]:
    """Median brightening from T1 to T1CE of each piece over that of the oedema, in deviations of the other brain."""
    uptake_zyx = channels_czyx[SEQUENCES.index("t1ce")] - channels_czyx[SEQUENCES.index("t1")]
    elsewhere_zyx = regions.brain_zyx & ~regions.whole_zyx
    elsewhere = uptake_zyx[elsewhere_zyx if elsewhere_zyx.any() else regions.brain_zyx]
    oedema = uptake_zyx[regions.whole_zyx & ~regions.core_zyx & ~regions.enhancing_zyx]
    # A lesion without oedema is compared with the brain around.
    ground = float(np.median(oedema if oedema.size >= LEAST_OEDEMA_VOXELS else elsewhere))
    deviation = _MAD_TO_DEVIATION * float(np.median(np.abs(elsewhere - np.median(elsewhere))))
    medians = np.asarray(ndimage.median(uptake_zyx, pieces_zyx, numbers), np.float64)
    return (medians - ground) / max(deviation, LEAST_DEVIATION)
