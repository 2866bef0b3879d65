"""Visits of one made-up patient in a real Orthanc: a head laid otherwise each time, with balls for lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.study_maker import VisitDescription, make_study
from review.artefacts import job_folder, whole_folder, write_segmentation
from review.models import Job, Result
from review.publish import publish_job
from segmentation.lesions import find_lesions
from segmentation.location import brain_frame
from segmentation.measure import label_volumes_ml
from segmentation.types import ModelIdentity, Phase, Segmentation, Tissue, TumourVolumes, VolumeEstimate
from tests.review.conftest import store_all
from tests.review.published import take_as_stable
from tests.segmentation import simple_head

COARSE_MM = 6.0
FINE_MM = 4.0
"""Fine enough for a registration."""


@dataclass(frozen=True, slots=True)
class Ball:
    """A lesion; its centre is counted from the middle of the brain, mm."""

    centre_mm: tuple[float, float, float]
    radius_mm: float
    tissue: Tissue = Tissue.ENHANCING


def publish_visit(
    pacs: OrthancClient,
    folder: Path,
    on: date,
    balls: Sequence[Ball],
    motion: sitk.Euler3DTransform | None = None,
    *,
    spacing_mm: float = COARSE_MM,
    keep_brain: bool = True,
    issuer: str = "",
) -> Result:
    """A visit that was scanned, segmented without an error, and published."""
    grid = simple_head.grid((spacing_mm,) * 3)
    seed = on.toordinal()
    images = {
        name: simple_head.sample(
            name, grid if name == "t1ce" else simple_head.grid((10.0, 10.0, 10.0)), motion, seed
        )
        for name in ("t1", "t1ce", "t2", "flair")
    }
    visit = VisitDescription("PAT-9", "Roe^Rita", study_date=f"{on:%Y%m%d}", issuer=issuer)
    make_study(images, folder / f"{on}", visit, uid_seed=f"visit {on}")
    study = take_as_stable(pacs, store_all(pacs, folder / f"{on}"))
    (job,) = study.jobs.all()
    (t1ce,) = (folder / f"{on}").glob("*t1ce")
    on_grid = read_series(sorted(t1ce.iterdir()))
    brain = _brain(on_grid, motion)
    write_segmentation(_segmentation(on_grid, brain, balls, motion), job_folder(job.pk).inferred)
    if keep_brain:
        with whole_folder(job_folder(job.pk).prepared) as scratch:
            sitk.WriteImage(brain, str(scratch / "brain_mask.nii.gz"))
    Job.objects.filter(pk=job.pk).update(stage=Job.Stage.PUBLISH)
    claimed = Job.objects.claim(Job.Stage.PUBLISH, "me", 60)
    assert claimed is not None
    publish_job(claimed)
    return Result.objects.get(job=job)


def _brain(grid: sitk.Image, motion: sitk.Euler3DTransform | None) -> sitk.Image:
    return _image((simple_head.tissues(grid, motion) >= simple_head.BRAIN).astype(np.uint8), grid)


def _image(values_zyx: np.ndarray, grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(values_zyx)
    image.CopyInformation(grid)
    return image


def _segmentation(
    grid: sitk.Image, brain: sitk.Image, balls: Sequence[Ball], motion: sitk.Euler3DTransform | None
) -> Segmentation:
    points_mm = simple_head.head_points_mm(grid, motion)
    labels_zyx = np.zeros(points_mm.shape[:-1], np.uint8)
    for ball in balls:
        away_mm = np.linalg.norm(points_mm - np.asarray(ball.centre_mm, np.float32), axis=-1)
        labels_zyx[away_mm <= ball.radius_mm] = ball.tissue
    labels = _image(labels_zyx, grid)
    ml = label_volumes_ml(labels)
    volumes = {name: VolumeEstimate(ml[name], ml[name] * 0.9, ml[name] * 1.1) for name in ml}
    model = ModelIdentity("demo", "1", is_demo=True, statement="A demo model.")
    return Segmentation(
        labels,
        TumourVolumes(
            whole_tumour=volumes["WT"],
            tumour_core=volumes["TC"],
            enhancing=volumes["ET"],
            oedema=volumes["oedema"],
            nonenhancing_core=volumes["nonenhancing_core"],
        ),
        model,
        Phase.UNKNOWN,
        lesions=find_lesions(labels, brain_frame(brain)),
    )
