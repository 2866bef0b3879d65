"""How far the three views agree: a first signal of how far the result can be trusted.

Where networks that see different slices of the same head draw the same outline, the outline is mostly right.
The mean Dice between the views' masks stands as the predicted Dice with a reader's outline; it is optimistic where
all views share an error (it cannot see a lesion that none of them found), and is reported as a hint.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from segmentation.intensity import FloatArray
from segmentation.metrics import dice


def predicted_dice(regions_vzyx: Sequence[FloatArray]) -> float:
    """Mean, over regions, of the mean Dice between the views' masks; 0 to 1.

    Each region is (3, z, y, x): its probability by view.
    """
    return float(np.mean([_agreement(views_vzyx) for views_vzyx in regions_vzyx]))


def _agreement(views_vzyx: FloatArray) -> float:
    masks = [probability_zyx > 0.5 for probability_zyx in views_vzyx]
    return float(np.mean([dice(a_zyx, b_zyx) for a_zyx, b_zyx in combinations(masks, 2)]))
