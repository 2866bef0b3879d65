"""The images that a result was made of, read from Orthanc again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import SimpleITK as sitk

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.types import Role
from review.models import Job


def read_t1ce(pacs: OrthancClient, job: Job) -> sitk.Image:
    """T1CE of a job on the grid of its scan.

    Raises:
        NotInOrthancError: it was removed.
        BadSeriesError: it is no longer whole.
        OrthancUnavailableError: worth another try.
    """
    with TemporaryDirectory() as scratch:
        return read_series(pacs.download_series(job.chosen[Role.T1CE]["orthanc_id"], Path(scratch) / "t1ce"))
