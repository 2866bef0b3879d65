"""Running a model in the shadow of a result. Imports torch: only workers load this module."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
from django.conf import settings
from django.db import transaction

from orthanc.errors import HopelessError, OrthancUnavailableError
from orthanc.read import read_with_warnings
from review.active_model import installed_version
from review.artefacts import job_folder, read_segmentation
from review.audit import record
from review.models import AuditAction, QualityPolicy, ShadowRun
from review.pacs import connect
from review.pipeline import POLICIES, brain_device, loaded_model, scan_of
from review.publish import stored_volumes
from segmentation.errors import BadInputError, SegmentationError
from segmentation.metrics import dice
from segmentation.prepare import prepare
from segmentation.segment import segment
from segmentation.types import Phase, Segmentation

LABELS_OF = {"WT": (1, 2, 4), "TC": (1, 4), "ET": (4,)}
"""The stored labels that make up a region."""


def run_in_shadow(run: ShadowRun) -> None:
    """Segment the series of the result once more with the other model, and keep numbers and overlap only."""
    start = time.monotonic()
    try:
        done = _segment(run)
    except (SegmentationError, HopelessError) as error:
        _end(run, ShadowRun.State.FAILED, error=str(error))
        return
    except OrthancUnavailableError as error:
        run.wait(str(error))
        return
    volumes = {
        one.region.value: {"ml": str(one.ml), "low_ml": str(one.low_ml), "high_ml": str(one.high_ml)}
        for one in stored_volumes(done.volumes)
    }
    _end(
        run,
        ShadowRun.State.DONE,
        volumes=volumes,
        dice=_overlap(run, done.labels),
        seconds=round(time.monotonic() - start, 1),
        error="",
    )


@transaction.atomic
def _end(run: ShadowRun, state: ShadowRun.State, **values: object) -> None:
    run.end(state, **values)
    what = f"model in the shadow: {state}"
    record(
        AuditAction.ADMINISTERED,
        run.made_by,
        study=run.result.study,
        what=what,
        model=str(run.algorithm),
    )


def _segment(run: ShadowRun) -> Segmentation:
    job = run.result.job
    model = loaded_model(
        installed_version(run.algorithm.name, run.algorithm.version, "of the shadow").folder, settings.DEVICE
    )
    root = Path(settings.ARTEFACTS_DIR)
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=root, prefix=".shadow-") as scratch, connect() as pacs:
        images = {
            role: read_with_warnings(pacs.download_series(one["orthanc_id"], Path(scratch, role))).image
            for role, one in job.chosen.items()
        }
    # The result is there: whatever its gates said, both models see the same images.
    prepared = prepare(scan_of(images), device=brain_device(), policy=POLICIES[QualityPolicy.WARN])
    return segment(prepared, model, Phase(job.phase))


def _overlap(run: ShadowRun, labels: sitk.Image) -> dict[str, float]:
    """Dice of each region with the label map of the result; empty where that is gone or on another grid."""
    try:
        kept = read_segmentation(job_folder(run.result.job_id).inferred).labels
    except BadInputError:
        return {}
    ours, theirs = sitk.GetArrayViewFromImage(labels), sitk.GetArrayViewFromImage(kept)
    if ours.shape != theirs.shape:
        return {}
    return {
        region: round(dice(np.isin(ours, told), np.isin(theirs, told)), 3)
        for region, told in LABELS_OF.items()
    }
