"""The pictures of known failures on the pages of models: `python -m frontend.pitfall_pictures` draws them anew.

They lie with the static files, because they are the same for everybody and for every model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.ndimage
from PIL import Image

from orthanc.codes import COLOURS, SEGMENTS, Palette
from segmentation.phantom.pitfalls import Pitfall, pitfalls

FOLDER = Path(__file__).parent / "static" / "frontend" / "pitfalls"
ZOOM = 2
WHITE_LEVEL = 2.6
"""Grey level, relative to white matter, that is drawn white."""
RGB_OF = {kind.label: COLOURS[Palette.PAPER][kind.region] for kind in SEGMENTS}


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for one in pitfalls():
        path = FOLDER / f"{one.name}.png"
        drawn(one).save(path, optimize=True)
        print(path.name)


def drawn(one: Pitfall) -> Image.Image:
    """The slice as it is and, beside it, with the outlines of the wrong labels."""
    level_yx = np.clip(one.grey_yx / WHITE_LEVEL, 0, 1) * 255
    grey = Image.fromarray(level_yx.astype(np.uint8)).resize(
        (ZOOM * level_yx.shape[1], ZOOM * level_yx.shape[0]), Image.Resampling.BICUBIC
    )
    plain = np.asarray(grey.convert("RGB"))
    outlined = plain.copy()
    labels = np.kron(one.labels_yx, np.ones((ZOOM, ZOOM), np.uint8))
    for label, rgb in RGB_OF.items():
        inside = labels == label
        edge = inside & ~scipy.ndimage.binary_erosion(inside, iterations=ZOOM)
        outlined[inside] = (0.7 * outlined[inside] + 0.3 * np.array(rgb)).astype(np.uint8)
        outlined[edge] = rgb
    return Image.fromarray(np.hstack([plain, outlined]))


if __name__ == "__main__":
    main()
