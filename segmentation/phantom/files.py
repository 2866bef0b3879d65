"""Phantom visits as case folders (see "Names everyone uses": t1, t1ce, t2, flair, seg)."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from segmentation.phantom.visits import PhantomVisit
from segmentation.types import SEQUENCES


def write_case(visit: PhantomVisit, folder: Path) -> None:
    """Write the four sequences and the true label map as NIfTI."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SEQUENCES:
        sitk.WriteImage(getattr(visit.scan, name), folder / f"{name}.nii.gz")
    sitk.WriteImage(visit.truth, folder / "seg.nii.gz")
