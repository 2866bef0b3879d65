"""What readers flagged as poor: as a list for the site, and as a folder of pseudonymised cases for training.

A case holds the four series as they lie (not registered, not skull-stripped), the rejected mask on the grid of T1CE,
and in `case.json` why it was rejected. No names, IDs, UIDs, dates, or words that a reader typed. The images themselves
are the patient's: a face can be drawn from them, so the folder stays as protected as the archive.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from django.db.models import QuerySet

from orthanc.client import OrthancClient
from orthanc.errors import HopelessError, NotInOrthancError
from orthanc.read import read_series
from orthanc.types import NEEDED_ROLES
from review.artefacts import ArtefactsGoneError, job_folder, read_segmentation, whole_folder
from review.audit import record
from review.longitudinal import timeline_of
from review.models import AuditAction, Flag, Result
from review.patients import key_of
from review.pseudonyms import pseudonym_of
from review.site_access import permitted

log = logging.getLogger(__name__)

UNREADABLE = "its images cannot be read (the log says which)"

CSV_HEAD = (
    *("study_uid", "patient_id", "study_date", "region", "reason", "words", "by", "at"),
    *("model", "model_version", "phase", "edited_by", "opinions"),
)


def standing_flags() -> QuerySet[Flag]:
    """All flags that nobody took back, the newest first."""
    flags = permitted(Flag.objects.filter(undone_at=None), "result__study")
    flags = flags.select_related("result__study", "result__job")
    return flags.prefetch_related("opinions").order_by("-at", "-pk")


def csv_rows() -> Iterator[tuple[str, ...]]:
    """The flags as columns of text, below `CSV_HEAD`."""
    for flag in standing_flags():
        result, study = flag.result, flag.result.study
        yield (
            study.study_uid,
            study.patient_id,
            study.study_date.isoformat() if study.study_date else "",
            flag.compartment or "whole mask",
            flag.get_reason_display(),
            flag.text,
            flag.by,
            flag.at.isoformat(timespec="seconds"),
            result.model_name,
            result.model_version,
            result.phase,
            result.edited_by,
            "; ".join(str(one) for one in flag.opinions.all()),
        )


def write_cases(pacs: OrthancClient, into: Path, *, by: str) -> dict[str, str]:
    """A folder per flagged result; those that are there are left. Gives, by name, why a case could not be written.

    Raises:
        OrthancUnavailableError: Orthanc does not answer.
    """
    failed: dict[str, str] = {}
    for folder, why in written_cases(pacs, into, by=by):
        if why:
            failed[folder.name] = why
    log.info("flagged cases written, %d could not be", len(failed))
    return failed


def written_cases(pacs: OrthancClient, into: Path, *, by: str) -> Iterator[tuple[Path, str]]:
    """Write the cases that are not there yet, one after the other: each folder, and why it could not be written.

    Raises:
        OrthancUnavailableError: Orthanc does not answer.
    """
    flagged = Result.objects.filter(flags__undone_at=None, flags__isnull=False).distinct().order_by("pk")
    for result in flagged.select_related("study", "job").prefetch_related("flags", "measurements"):
        person = pseudonym_of(timeline_of(key_of(result.study)).patients)
        folder = into / f"{person.name}-{result.pk}"
        if folder.is_dir():
            continue
        try:
            _write_case(pacs, result, person.name, folder)
        except (HopelessError, ArtefactsGoneError) as error:
            log.warning("flagged result %s is not written: %s", result.pk, error)
            yield folder, _words_for(error)
        else:
            record(AuditAction.EXPORTED, by, study=result.study, what="a flagged case for training")
            yield folder, ""


def _words_for(error: Exception) -> str:
    """Why a case is missing, for a list that leaves the house: errors themselves name series, files and objects."""
    if isinstance(error, ArtefactsGoneError):
        return "its mask is gone from the artefact folder"
    return "Orthanc no longer holds its images" if isinstance(error, NotInOrthancError) else UNREADABLE


def _write_case(pacs: OrthancClient, result: Result, patient: str, folder: Path) -> None:
    labels = read_segmentation(job_folder(result.job_id).inferred).labels
    with whole_folder(folder) as scratch:
        for role in NEEDED_ROLES:
            files = pacs.download_series(result.job.chosen[role]["orthanc_id"], scratch / "dicom" / role)
            sitk.WriteImage(read_series(files), str(scratch / f"{role.lower()}.nii.gz"), True)
            for file in files:
                file.unlink()
            (scratch / "dicom" / role).rmdir()
        (scratch / "dicom").rmdir()
        sitk.WriteImage(labels, str(scratch / "rejected.nii.gz"), True)
        (scratch / "case.json").write_text(json.dumps(_facts(result, patient), indent=2) + "\n")


def _facts(result: Result, patient: str) -> dict[str, Any]:
    return {
        "patient": patient,
        "phase": result.phase,
        "model": {"name": result.model_name, "version": result.model_version},
        "edited_by_a_reader": bool(result.edited_by),
        "volumes_ml": {code: float(one.ml) for code, one in result.volumes.items()},
        "flags": [
            {"region": flag.compartment or "whole", "reason": flag.reason} for flag in result.standing_flags
        ],
    }
