"""How the heads of two visits are laid onto each other: found once for a pair of series, then taken from the row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import SimpleITK as sitk

from orthanc.client import OrthancClient
from orthanc.errors import BadSeriesError, NotInOrthancError
from orthanc.read import read_series
from orthanc.types import Role
from review.artefacts import job_folder
from review.lesion_places import read_brain
from review.models import Following, Job, Result
from review.stored_images import read_t1ce
from segmentation.lesion_matching import align

EULER_PARAMETERS = 6


class CannotFollowError(Exception):
    """The lesions cannot be joined with those of another visit; the text says why."""


def known_brain(job: Job) -> sitk.Image | None:
    """The brain of a job's T1CE, as this job or another one on the same series kept it."""
    t1ce = job.chosen[Role.T1CE]["series_uid"]
    same = Job.objects.filter(study=job.study_id, result__t1ce_series_uid=t1ce).exclude(pk=job.pk)
    found = (read_brain(job_folder(job_id)) for job_id in (job.pk, *same.values_list("pk", flat=True)))
    return next((brain for brain in found if brain is not None), None)


def transform_to(
    job: Job,
    other: Result,
    t1ce_files: Sequence[Path],
    brain: sitk.Image | None,
    pacs: OrthancClient,
) -> sitk.Euler3DTransform:
    """Points of this visit's T1CE to points of another result's; what an earlier run found is not sought again.

    Raises:
        CannotFollowError: the heads could not be laid together for sure.
        OrthancUnavailableError: worth another try.
    """
    if other.t1ce_series_uid == job.chosen[Role.T1CE]["series_uid"]:
        return sitk.Euler3DTransform()
    known = known_transform(job.chosen[Role.T1CE]["series_uid"], other.t1ce_series_uid)
    if known is not None:
        return known
    if brain is None:
        raise CannotFollowError("the outline of the brain was not kept.")
    try:
        alignment = align(read_series(t1ce_files), brain, read_t1ce(pacs, other.job))
    except (NotInOrthancError, BadSeriesError) as error:
        raise CannotFollowError(
            f"T1CE of the visit of {other.study.study_date} cannot be read ({error})."
        ) from error
    if not alignment.is_sure:
        raise CannotFollowError(
            f"the heads of this visit and that of {other.study.study_date} could not be laid together for sure "
            f"({alignment.words})."
        )
    return alignment.transform


def known_transform(series_uid: str, reference_series_uid: str) -> sitk.Euler3DTransform | None:
    """Points of one T1CE to points of another, where that was sought before and found for sure."""
    known = Following.objects.filter(
        result__t1ce_series_uid=series_uid,
        reference_series_uid=reference_series_uid,
        transform__isnull=False,
    ).first()
    return as_transform(known.transform) if known and known.transform else None


def as_transform(values: Sequence[float]) -> sitk.Euler3DTransform:
    """The motion of a row of `Following`."""
    transform = sitk.Euler3DTransform()
    transform.SetFixedParameters(list(values[EULER_PARAMETERS:]))
    transform.SetParameters(list(values[:EULER_PARAMETERS]))
    return transform
