"""The story of a job: four series in Orthanc -> prepared images -> label map and millilitres -> SEG and SR in Orthanc.

Each stage is safe to run twice and to be killed at any instant: files appear whole, results have UIDs derived from
their sources, and the numbers are written in the transaction that ends the job. The last stage, which needs no
networks, has its own module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import cast

import SimpleITK as sitk
import torch
from django.conf import settings

from orthanc.errors import BadSeriesError
from orthanc.read import SeriesReading, read_with_warnings
from orthanc.types import Role
from review.active_model import installed_version
from review.artefacts import (
    job_folder,
    read_prepared,
    read_seconds,
    write_prepared,
    write_segmentation,
)
from review.look import check_roles_by_content
from review.models import Job, QualityPolicy
from review.pacs import connect
from review.publish import publish_job, series_files
from review.set_aside import set_aside
from review.stopwatch import Stopwatch
from segmentation.gates import DEFAULT_POLICY, OnFailure, Policy
from segmentation.prepare import prepare
from segmentation.registry import Device, Model, load_model
from segmentation.segment import segment
from segmentation.types import BrainScan, Phase

POLICIES: dict[str, Policy] = {
    QualityPolicy.STANDARD: DEFAULT_POLICY,
    QualityPolicy.STOP: dict.fromkeys(DEFAULT_POLICY, OnFailure.STOP),
    QualityPolicy.WARN: dict.fromkeys(DEFAULT_POLICY, OnFailure.WARN),
}

__all__ = ["infer_job", "prepare_job", "publish_job"]


def prepare_job(job: Job) -> dict[str, float]:
    """Download, read, look whether headers tell the truth, register and skull-strip; the seconds of each step.

    Raises:
        BadSeriesError, NotInOrthancError, BadInputError, GateFailedError: hopeless; the text says which series and
            why. After BadSeriesError the study may have another job already, with other series.
        ExchangedSeriesError: the pixels decided what headers left open; another job has the series the right way.
        OrthancUnavailableError: worth another try.
    """
    folder = job_folder(job.pk)
    if job.attempts == 1 and not job.retries:
        folder.clear()  # a person tried again: nothing of the failed run is trusted
    elif folder.prepared.is_dir():
        return read_seconds(folder.prepared)
    watch = Stopwatch()
    with watch.step("download"), connect() as pacs:
        files = {role: series_files(pacs, job, role, folder) for role in job.chosen}
    job.report("Reading images")
    with watch.step("read"):
        read = {role: _read(job, role, files[role]) for role in job.chosen}
    with watch.step("look"):
        doubts = check_roles_by_content(job, {role: one.image for role, one in read.items()})
    policy = POLICIES[job.quality_policy]
    prepared = prepare(
        scan_of({role: one.image for role, one in read.items()}),
        report=job.report,
        device=brain_device(),
        policy=policy,
    )
    seconds = {**watch.seconds, **prepared.seconds}
    said = tuple(f"{role}: {words}" for role, one in read.items() for words in one.warnings)
    write_prepared(replace(prepared, warnings=(*said, *doubts, *prepared.warnings)), folder.prepared, seconds)
    return seconds


def infer_job(job: Job) -> dict[str, float]:
    """Run the cascade; returns the seconds of each step.

    Raises:
        SegmentationError: hopeless; the text says why.
    """
    folder = job_folder(job.pk)
    if not folder.inferred.is_dir():
        model = loaded_model(installed_version(job.model_name, job.model_version).folder, settings.DEVICE)
        prepared = read_prepared(folder.prepared)
        done = segment(prepared, model, Phase(job.phase), report=job.report)
        # A segmentation carries the seconds of its preparation along; here they belong to the stage before.
        own_seconds = {step: taken for step, taken in done.seconds.items() if step not in prepared.seconds}
        kept = replace(done, seconds=own_seconds)
        write_segmentation(kept, folder.inferred, prepared.gates, prepared.brain_mask)
    return read_seconds(folder.inferred)


def scan_of(images: Mapping[str, sitk.Image]) -> BrainScan:
    """The four images of a visit, by role."""
    return BrainScan(flair=images[Role.FLAIR], t1=images[Role.T1], t1ce=images[Role.T1CE], t2=images[Role.T2])


def _read(job: Job, role: str, files: list[Path]) -> SeriesReading:
    try:
        return read_with_warnings(files)
    except BadSeriesError as error:
        set_aside(job, role, str(error))
        raise BadSeriesError(f"{role}: {error}") from error


def brain_device() -> str:
    """The device for brain extraction: the GPU also where the site's setting leaves the choice."""
    if settings.DEVICE == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(settings.DEVICE)


@lru_cache(maxsize=1)
def loaded_model(folder: Path, device: str) -> Model:
    """The model, kept by the process: loading takes longer than many a case on a GPU."""
    return load_model(folder, device=cast(Device, device))
