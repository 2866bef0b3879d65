"""The last stage: a label map and its volumes become DICOM objects in Orthanc, and numbers in the database.

Safe to run twice and to be killed at any instant: UIDs derive from the source images and the model, an object that
Orthanc holds already is left or, where it says something else, replaced, and the numbers are written in the
transaction that ends the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from django.db import transaction
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from orthanc.client import OrthancClient
from orthanc.errors import OrthancUnavailableError
from orthanc.sources import read_source
from orthanc.sr import lesions_from_sr, statements_from_sr, volumes_from_sr
from orthanc.types import CompartmentVolume, MeasuredRegion, ObjectKind, Role
from review.artefacts import JobFolder, job_folder, read_gates, read_segmentation
from review.course_facts import EventKind
from review.deliver import plan_deliveries
from review.guard import findings
from review.lesion_tracking import Followed, follow_lesions, record_following
from review.longitudinal import events_of
from review.models import Job, Measurement, Result, ResultObject, Study
from review.models.intake import as_study_header
from review.pacs import connect
from review.patients import key_of
from review.report_at_publication import report_text_of
from review.set_aside import words_of_set_aside
from review.stale_lesions import later_visits_changed
from review.stopwatch import Stopwatch
from review.tasks import send_ticket
from review.written import NO_OVERLAY_ON_FLAIR, Written, share_a_space, write_objects
from segmentation.gates import Gate
from segmentation.types import Phase, Segmentation, Trust, TumourVolumes, VolumeEstimate

HUNDREDTH_ML = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class StoredVolume:
    """A volume as the database, the SR and every page give it: rounded once, to 0.01 ml."""

    region: MeasuredRegion
    ml: Decimal
    low_ml: Decimal
    high_ml: Decimal

    def for_sr(self) -> CompartmentVolume:
        """The same numbers for the SR."""
        return CompartmentVolume(self.region, float(self.ml), float(self.low_ml), float(self.high_ml))


def publish_job(job: Job) -> None:
    """Write the DICOM objects, store them in Orthanc, record the result, and end the job.

    Raises:
        BadInputError, BadResultError, BadSeriesError, NotInOrthancError: hopeless; the text says why.
        OrthancUnavailableError: worth another try.
        LostLeaseError: another worker took the job over; nothing was recorded.
    """
    folder = job_folder(job.pk)
    done = _with_what_the_study_says(read_segmentation(folder.inferred), job)
    volumes, gates = stored_volumes(done.volumes), read_gates(folder.inferred)
    watch = Stopwatch()
    with connect() as pacs:
        with watch.step("download"):
            files = {role: series_files(pacs, job, role, folder) for role in (Role.T1CE, Role.FLAIR)}
        job.report("Following lesions")
        with watch.step("follow"):
            followed = follow_lesions(job, done.labels, files[Role.T1CE], pacs)
        if followed.words:
            done = replace(done, warnings=(*done.warnings, followed.words))
        job.report("Writing DICOM results")
        with watch.step("read"):
            sources = {role: read_source(paths) for role, paths in files.items()}
        with watch.step("write"):
            if not share_a_space(sources):
                done = replace(done, warnings=(*done.warnings, NO_OVERLAY_ON_FLAIR))
            rows = partial(_numbers_of, job, done, volumes, followed, gates, created_at=job.created_at)
            made = write_objects(
                job, done, [one.for_sr() for one in volumes], sources,
                tracking_uids=followed.tracking_uids, report_text=report_text_of(rows),
            )  # fmt: skip
        with watch.step("store"):
            for one in made:
                store(pacs, one.datasets)
    record_result(job, done, volumes, made, watch.seconds, followed, gates)
    # Only now: who repeats a stage that was killed before must read the same images, or the objects get other UIDs.
    folder.keep_result_only()


def _with_what_the_study_says(done: Segmentation, job: Job) -> Segmentation:
    """The segmentation with what its headers and the choice of its series give the reader to know."""
    surgery = events_of(key_of(job.study)).filter(kind=EventKind.SURGERY)
    said = findings(
        as_study_header(job.study),
        [event.on for event in surgery],
        is_postoperative=job.phase == Phase.POSTOP,
    )
    return replace(
        done,
        not_validated=(*said, *done.not_validated),
        warnings=(*_words_of_edit(job), *words_of_set_aside(job), *done.warnings),
    )


def _words_of_edit(job: Job) -> tuple[str, ...]:
    if not job.edited_by:
        return ()
    return (
        f"Mask edited by {job.edited_by}: the intervals are no narrower than those of the model's outline.",
    )


def series_files(pacs: OrthancClient, job: Job, role: str, folder: JobFolder) -> list[Path]:
    """The files of one chosen series; those of an earlier try are taken as they are, being whole."""
    place = folder.dicom / role
    if place.is_dir():
        return sorted(place.iterdir())
    job.report(f"Fetching {role}")
    return pacs.download_series(job.chosen[role]["orthanc_id"], place)


def stored_volumes(volumes: TumourVolumes) -> list[StoredVolume]:
    """The measured volumes, rounded; all read-outs are made of these."""
    by_region = {
        MeasuredRegion.WHOLE_TUMOUR: volumes.whole_tumour,
        MeasuredRegion.TUMOUR_CORE: volumes.tumour_core,
        MeasuredRegion.ENHANCING_TUMOUR: volumes.enhancing,
        MeasuredRegion.OEDEMA: volumes.oedema,
        MeasuredRegion.NONENHANCING_CORE: volumes.nonenhancing_core,
    }
    return [_rounded(region, estimate) for region, estimate in by_region.items()]


def _rounded(region: MeasuredRegion, estimate: VolumeEstimate) -> StoredVolume:
    ml, low_ml, high_ml = (
        Decimal(repr(float(value))).quantize(HUNDREDTH_ML, ROUND_HALF_UP)
        for value in (estimate.ml, estimate.low_ml, estimate.high_ml)
    )
    return StoredVolume(region, ml, low_ml, high_ml)


def store(pacs: OrthancClient, datasets: Sequence[Dataset]) -> None:
    """Store an object or series and see that Orthanc has it; what is there and says something else is replaced.

    Raises:
        OrthancUnavailableError: Orthanc took it but does not show it.
    """
    n_before = pacs.store_archive(datasets)
    if n_before and not all(_is_held(pacs, one) for one in _samples(datasets)):
        series = pacs.find_series(datasets[0].SeriesInstanceUID)
        if series is not None:
            pacs.delete_series(series)
        pacs.store_archive(datasets)
    if any(pacs.find_instance(one.SOPInstanceUID) is None for one in _samples(datasets)):
        raise OrthancUnavailableError("Orthanc took a result but does not hold it.")


def _samples(datasets: Sequence[Dataset]) -> list[Dataset]:
    """First, middle and last: the legend of every image tells the volumes, the middle one shows the brain."""
    return [datasets[index] for index in sorted({0, len(datasets) // 2, len(datasets) - 1})]


def _is_held(pacs: OrthancClient, made: Dataset) -> bool:
    found = pacs.find_instance(made.SOPInstanceUID)
    return found is not None and says_the_same(dcmread(BytesIO(pacs.instance_bytes(found))), made)


def says_the_same(held: Dataset, made: Dataset) -> bool:
    """Whether two results have the same voxels, or the same words and numbers; their dates may differ."""
    for pixels in ("PixelData", "FloatPixelData"):
        if pixels in made:
            return bool(held.get(pixels) == made[pixels].value)
    if made.SOPClassUID != Comprehensive3DSRStorage:
        return bool(held.get("ContentSequence") == made.get("ContentSequence"))
    # The draft of the report changes with the course of the patient, and says that it is not kept up to date.
    return all(read(held) == read(made) for read in (volumes_from_sr, lesions_from_sr, statements_from_sr))


@transaction.atomic
def record_result(
    job: Job,
    done: Segmentation,
    volumes: list[StoredVolume],
    made: Sequence[Written],
    steps: dict[str, float],
    followed: Followed,
    gates: tuple[Gate, ...] = (),
) -> Result:
    """Write result and measurements, let it speak for its study, and end the job: all or nothing."""
    seg, sr = (one.datasets[0] for one in made[:2])
    uids = {
        "seg_sop_uid": str(seg.SOPInstanceUID),
        "seg_series_uid": str(seg.SeriesInstanceUID),
        "sr_sop_uid": str(sr.SOPInstanceUID),
        "sr_series_uid": str(sr.SeriesInstanceUID),
    }
    result = _numbers_of(job, done, volumes, followed, gates, **uids)
    for one in made:
        record_objects(result, one.kind, one.datasets)
    later_visits_changed(result.study)
    job.finish(steps)
    return result


def _numbers_of(
    job: Job,
    done: Segmentation,
    volumes: Sequence[StoredVolume],
    followed: Followed,
    gates: tuple[Gate, ...],
    **columns: Any,
) -> Result:
    """Write result and measurements, and let it speak for its study; call it in a transaction."""
    # The study first, as intake does, so that the two never wait for each other.
    Study.everything.select_for_update().get(pk=job.study_id)
    values = {
        "study_id": job.study_id,
        "t1ce_series_uid": job.chosen[Role.T1CE]["series_uid"],
        "model_name": done.model.name,
        "model_version": done.model.version,
        "model_is_demo": done.model.is_demo,
        "model_statement": done.model.statement,
        "phase": done.phase.value,
        "edited_by": job.edited_by,
        "warnings": list(done.warnings),
        "gates": [asdict(gate) for gate in gates],
        "not_validated": [asdict(one) for one in done.not_validated],
        "lesions": [asdict(one) for one in done.lesions],
        **_trust_columns(done.trust),
        **columns,
    }
    result, _ = Result.objects.update_or_create(job=job, defaults=values)
    for volume in volumes:
        numbers = {"ml": volume.ml, "low_ml": volume.low_ml, "high_ml": volume.high_ml}
        Measurement.objects.update_or_create(result=result, compartment=volume.region, defaults=numbers)
    _place_among_results(result, job)
    record_following(result, followed)
    return result


def _trust_columns(trust: Trust | None) -> dict[str, Any]:
    if trust is None:
        return {"trust": None, "trust_low": None, "trust_high": None, "trust_grade": ""}
    return {
        "trust": round(trust.predicted_dice, 2),
        "trust_low": round(trust.low, 2),
        "trust_high": round(trust.high, 2),
        "trust_grade": trust.grade.value,
    }


def record_objects(result: Result, kind: ObjectKind, datasets: Sequence[Dataset]) -> ResultObject:
    """Note what Orthanc holds of a result, one object or one series, and plan its deliveries."""
    first = datasets[0]
    item, _ = ResultObject.objects.update_or_create(
        result=result,
        sop_uid=str(first.SOPInstanceUID),
        defaults={
            "kind": kind,
            "sop_class_uid": str(first.SOPClassUID),
            "series_uid": str(first.SeriesInstanceUID),
            "n_instances": len(datasets),
        },
    )
    for delivery in plan_deliveries(item, result.job.destinations):
        transaction.on_commit(partial(send_ticket, delivery))
    return item


def _place_among_results(result: Result, job: Job) -> None:
    """Make it current, unless a job for better series, or a newer model, came in first.

    The job that speaks for the study may be an older one, where a person went back to its series.
    """
    if Study.everything.filter(pk=job.study_id, current_job=job.pk).exists():
        result.make_current()
        return
    newer = Result.objects.filter(study=job.study_id, job__created_at__gt=job.created_at)
    last = newer.order_by("-job__created_at").first()
    if last is None:
        result.make_current()
    else:
        Result.objects.filter(pk=result.pk).update(superseded_by=last)
