"""Files of a job between its stages. A folder appears whole or not at all, so a killed stage leaves no half."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from django.conf import settings

from segmentation.errors import BadInputError
from segmentation.gates import Gate
from segmentation.types import (
    Finding,
    Hemisphere,
    Lesion,
    Lobe,
    ModelIdentity,
    Phase,
    PreparedScan,
    Segmentation,
    Trust,
    TrustGrade,
    TumourVolumes,
    VolumeEstimate,
)

PREPARED_IMAGES = ("flair", "t1", "t1ce", "t2", "brain_mask", "t1ce_grid")
FACTS = "facts.json"
LABELS = "labels.nii.gz"
UNCERTAINTY = "uncertainty.nii.gz"
BRAIN_MASK = "brain_mask.nii.gz"
FILM_KEPT_S = 24 * 3600


class ArtefactsGoneError(Exception):
    """What an earlier stage kept is not there, or is damaged: the job has to begin anew."""


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Where one job keeps its files; on storage that all workers share where there are several machines."""

    path: Path

    @property
    def dicom(self) -> Path:
        """Downloaded series, one folder per role."""
        return self.path / "dicom"

    @property
    def prepared(self) -> Path:
        """What `prepare` hands to `infer`."""
        return self.path / "prepared"

    @property
    def inferred(self) -> Path:
        """What `infer` hands to `publish`."""
        return self.path / "inferred"

    @property
    def followed(self) -> Path:
        """Where the lesions are, for the patient's other visits. Masks only: no image."""
        return self.path / "followed"

    @property
    def film(self) -> Path:
        """Small pictures of the visit for the film strip, made when somebody looked; they go after a day."""
        return self.path / "film"

    def clear(self) -> None:
        """Start anew."""
        shutil.rmtree(self.path, ignore_errors=True)

    def keep_result_only(self) -> None:
        """Remove patient images, which Orthanc has, and what killed stages left; the masks stay."""
        for entry in self.path.iterdir() if self.path.is_dir() else ():
            if entry not in (self.inferred, self.followed):
                shutil.rmtree(entry, ignore_errors=True)


def job_folder(job_id: uuid.UUID) -> JobFolder:
    """The folder of a job."""
    return JobFolder(Path(settings.ARTEFACTS_DIR) / str(job_id))


def folders_with_images() -> list[uuid.UUID]:
    """The jobs whose folders hold more than their result; what is not a job's folder is left alone."""
    return [job_id for job_id in job_folders() if _has_images(job_folder(job_id))]


def _has_images(folder: JobFolder) -> bool:
    kept = {folder.inferred, folder.followed}
    if folder.film.is_dir() and time.time() - folder.film.stat().st_mtime < FILM_KEPT_S:
        kept.add(folder.film)
    return any(entry not in kept for entry in folder.path.iterdir())


def job_folders() -> list[uuid.UUID]:
    """The jobs that have a folder."""
    paths = Path(settings.ARTEFACTS_DIR).glob("*-*-*-*-*")
    return [uuid.UUID(path.name) for path in paths if path.is_dir()]


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A scratch folder that becomes `folder` when the block ends well; an earlier one is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
    scratch.mkdir()
    try:
        yield scratch
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_prepared(scan: PreparedScan, folder: Path, seconds: Mapping[str, float]) -> None:
    """Keep a prepared scan; `seconds` are those of the whole stage."""
    with whole_folder(folder) as scratch:
        for name in PREPARED_IMAGES:
            sitk.WriteImage(getattr(scan, name), str(scratch / f"{name}.nii.gz"), True)
        _write_json(scratch / FACTS, _facts_of_scan(scan, seconds))


def _facts_of_scan(scan: PreparedScan, seconds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "warnings": scan.warnings,
        "seconds": dict(seconds),
        "gates": [asdict(gate) for gate in scan.gates],
    }


def read_prepared(folder: Path) -> PreparedScan:
    """The scan that `write_prepared` kept.

    Raises:
        ArtefactsGoneError: it is gone, for example because workers do not share their storage, or damaged.
    """
    facts = _read_facts(folder, "prepared images")
    images = {name: _read_image(folder / f"{name}.nii.gz") for name in PREPARED_IMAGES}
    return PreparedScan(
        **images,
        warnings=tuple(facts["warnings"]),
        seconds=facts["seconds"],
        gates=_gates(facts),
    )


def write_segmentation(
    done: Segmentation,
    folder: Path,
    gates: tuple[Gate, ...] = (),
    brain_mask: sitk.Image | None = None,
) -> None:
    """Keep a label map with its volumes and provenance, and the gates and brain of the scan that it was made of."""
    with whole_folder(folder) as scratch:
        sitk.WriteImage(done.labels, str(scratch / LABELS), True)
        if brain_mask is not None:
            sitk.WriteImage(brain_mask, str(scratch / BRAIN_MASK), True)
        if done.uncertainty is not None:
            sitk.WriteImage(done.uncertainty, str(scratch / UNCERTAINTY), True)
        facts = {
            "volumes": asdict(done.volumes),
            "model": asdict(done.model),
            "phase": done.phase.value,
            "warnings": done.warnings,
            "seconds": done.seconds,
            "trust": asdict(done.trust) if done.trust else None,
            "lesions": [asdict(lesion) for lesion in done.lesions],
            "resampling_error_ml": done.resampling_error_ml,
            "gates": [asdict(gate) for gate in gates],
            "not_validated": [asdict(one) for one in done.not_validated],
        }
        _write_json(scratch / FACTS, facts)


def read_segmentation(folder: Path) -> Segmentation:
    """The segmentation that `write_segmentation` kept.

    Raises:
        ArtefactsGoneError: it is gone, for example because workers do not share their storage, or damaged.
    """
    facts = _read_facts(folder, "label map")
    volumes = {field.name: VolumeEstimate(**facts["volumes"][field.name]) for field in fields(TumourVolumes)}
    return Segmentation(
        labels=_read_image(folder / LABELS, sitk.sitkUInt8),
        volumes=TumourVolumes(**volumes),
        model=ModelIdentity(**facts["model"]),
        phase=Phase(facts["phase"]),
        warnings=tuple(facts["warnings"]),
        seconds=facts["seconds"],
        trust=_trust(facts.get("trust")),
        not_validated=tuple(Finding(**one) for one in facts.get("not_validated", ())),
        lesions=tuple(_lesion(one) for one in facts.get("lesions", ())),
        resampling_error_ml=facts.get("resampling_error_ml", {}),
        uncertainty=_uncertainty(folder / UNCERTAINTY),
    )


def read_brain_mask(folder: Path) -> sitk.Image:
    """The brain that was kept with a label map, on the prepared grid.

    Raises:
        BadInputError: it is gone, or was not kept by an earlier version.
    """
    path = folder / BRAIN_MASK
    if not path.is_file():
        raise BadInputError(
            "What is needed to measure an edited mask was not kept with this result. Try the study again, "
            "then correct the new result."
        )
    return sitk.ReadImage(str(path), sitk.sitkUInt8)


def _trust(fact: dict[str, Any] | float | None) -> Trust | None:
    """Folders of earlier versions hold one number, without its interval."""
    return Trust(**fact | {"grade": TrustGrade(fact["grade"])}) if isinstance(fact, dict) else None


def _lesion(fact: dict[str, Any]) -> Lesion:
    x, y, z = fact["centre_mm_lps"]
    place = {"hemisphere": Hemisphere(fact["hemisphere"]), "lobe": Lobe(fact["lobe"])}
    return Lesion(**fact | {"centre_mm_lps": (x, y, z)} | place)


def _uncertainty(path: Path) -> sitk.Image | None:
    return _read_image(path, sitk.sitkFloat32) if path.is_file() else None


def _read_image(path: Path, pixel: int = sitk.sitkUnknown) -> sitk.Image:
    try:
        return sitk.ReadImage(str(path), pixel)
    except RuntimeError as error:  # all that SimpleITK says of a file that is missing or cut short
        raise ArtefactsGoneError(
            f"{path.name} of this job cannot be read from the artefact folder."
        ) from error


def read_gates(folder: Path) -> tuple[Gate, ...]:
    """The quality gates that were kept with prepared images or with a label map."""
    return _gates(_read_facts(folder, "files"))


def _gates(facts: Mapping[str, Any]) -> tuple[Gate, ...]:
    """Folders of earlier versions have none."""
    return tuple(Gate(**one) for one in facts.get("gates", ()))


def read_seconds(folder: Path) -> dict[str, float]:
    """How long the steps took that made a folder."""
    return dict(_read_facts(folder, "files")["seconds"])


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n")


def _read_facts(folder: Path, what: str) -> dict[str, Any]:
    try:
        return json.loads((folder / FACTS).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ArtefactsGoneError(
            f"The {what} of this job are gone from the artefact folder. Retry the study; "
            "if this comes again, the workers do not share their storage."
        ) from error
