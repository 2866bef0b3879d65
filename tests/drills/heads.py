"""Small heads to send many of: the phantom, shrunk and coarse, so that every stage is quick and none is left out."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk
from pydicom import dcmread

from orthanc.study_maker import VisitDescription, make_study
from segmentation.phantom import DEMO_SEED, make_visit
from segmentation.types import SEQUENCES

SCALE = 0.6
"""A brain of 350 mL: the smallest that the outline of the brain is not refused for."""
VOXEL_MM = 1.56
SLICE_MM = 4.0
"""The least that is not refused for its number of voxels; thinner slices are more files and no other work."""


def make_head() -> dict[str, sitk.Image]:
    """The four images of a small head."""
    scan = make_visit(DEMO_SEED, 1, spacing_mm=VOXEL_MM / SCALE).scan
    return {name: _shrunk(getattr(scan, name)) for name in SEQUENCES}


def _shrunk(image: sitk.Image) -> sitk.Image:
    image.SetSpacing([SCALE * spacing for spacing in image.GetSpacing()])
    image.SetOrigin([SCALE * place for place in image.GetOrigin()])
    spacing_mm = [VOXEL_MM, VOXEL_MM, SLICE_MM]
    size = [
        int(count * before / after)
        for count, before, after in zip(image.GetSize(), image.GetSpacing(), spacing_mm, strict=True)
    ]
    transform = sitk.Transform()
    return sitk.Resample(
        image, size, transform, sitk.sitkLinear, image.GetOrigin(), spacing_mm, image.GetDirection(), 0
    )


def blank(images: dict[str, sitk.Image]) -> dict[str, sitk.Image]:
    """The same with a FLAIR in which nothing is to be seen: a study that ends in a reason."""
    return {**images, "flair": images["flair"] * 0}


def write_study(images: dict[str, sitk.Image], folder: Path, number: int, ward: str = "D") -> str:
    """A patient of its own with these images, with `ward` in front of the accession number; gives the study UID."""
    visit = VisitDescription(f"DRILL-{number:04d}", f"Drill^Case{number}", accession_number=f"{ward}{number}")
    files = make_study(images, folder, visit, f"drill {folder} {number}")
    return str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
