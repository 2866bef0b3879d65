"""Rows and headers that tests start from; every name is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from orthanc.types import MeasuredRegion, SeriesHeader, StudyHeader
from review.models import Job, Measurement, Result, RoutingRule, Study
from review.rule_versions import current_number

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"

T1 = SeriesHeader(
    series_uid="1.2.3.1", study_uid=STUDY_UID, orthanc_id="s-t1", modality="MR", series_number=3,
    description="AX T1 SE", scanning_sequence="SE", acquisition_type="2D", repetition_time_ms=600.0,
    echo_time_ms=9.0, flip_angle_deg=90.0, rows=256, columns=256, n_images=26, slice_thickness_mm=5.0,
    image_type=("ORIGINAL", "PRIMARY", "M"), orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), pixel_spacing_mm=0.9,
    acquisition_time="090400", is_stable=True, instances_digest="d-t1", sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
)  # fmt: skip
T2 = replace(
    T1, series_uid="1.2.3.2", orthanc_id="s-t2", series_number=4, description="AX T2 TSE",
    repetition_time_ms=5400.0, echo_time_ms=85.0, acquisition_time="090900", instances_digest="d-t2",
)  # fmt: skip
FLAIR = replace(
    T1, series_uid="1.2.3.3", orthanc_id="s-flair", series_number=5, description="AX T2 FLAIR",
    scanning_sequence="IR", repetition_time_ms=9000.0, echo_time_ms=90.0, inversion_time_ms=2500.0,
    acquisition_time="091400", instances_digest="d-flair",
)  # fmt: skip
T1CE = replace(
    T1, series_uid="1.2.3.4", orthanc_id="s-t1ce", series_number=9, description="AX T1 SE POST GAD",
    contrast_agent="Gadavist", acquisition_time="092600", instances_digest="d-t1ce",
)  # fmt: skip
THIN_T1CE = replace(
    T1CE, series_uid="1.2.3.5", orthanc_id="s-thin", series_number=12, description="SAG T1 MPRAGE POST GAD",
    scanning_sequence="GR", acquisition_type="3D", repetition_time_ms=2200.0, echo_time_ms=4.0,
    inversion_time_ms=900.0, flip_angle_deg=15.0, n_images=176, slice_thickness_mm=1.0,
    acquisition_time="093100", instances_digest="d-thin", orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
)  # fmt: skip
OUR_SEG = SeriesHeader(
    series_uid="1.2.3.90", study_uid=STUDY_UID, orthanc_id="s-seg", modality="SEG", series_number=901,
    description="Glioma segmentation", n_images=1, is_ours=True, is_stable=True, instances_digest="d-seg",
)  # fmt: skip
CT = replace(
    T1, series_uid="1.2.3.70", orthanc_id="s-ct", modality="CT", description="HEAD WO", scanning_sequence="",
    instances_digest="d-ct", sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
)  # fmt: skip

FOUR = (T1, T2, FLAIR, T1CE)


def study_header(*series: SeriesHeader, **fields: Any) -> StudyHeader:
    """A study as Orthanc tells it; the four series where none are named."""
    values: dict[str, Any] = {
        "study_uid": STUDY_UID,
        "orthanc_id": "o-1",
        "patient_id": "PAT-7",
        "patient_name": "Doe^Jane",
        "birth_date": "19610203",
        "sex": "F",
        "study_date": "20260110",
        "study_time": "090000.000000",
        "accession_number": "ACC-1",
        "description": "MRI BRAIN TUMOR",
        "series": series or FOUR,
        **fields,
    }
    return StudyHeader(**values)


def default_rule() -> RoutingRule:
    """The rule that the migration installs (tests that empty the tables lose it)."""
    conditions = [{"tag": "Modality", "test": "equals", "value": "MR"}]
    return RoutingRule.objects.get_or_create(name="MR studies", defaults={"conditions": conditions})[0]


def make_study(study_uid: str = STUDY_UID, **fields: Any) -> Study:
    """A study row."""
    values: dict[str, Any] = {
        "orthanc_id": f"o-{study_uid}",
        "patient_id": "PAT-7",
        "patient_name": "Doe^Jane",
    }
    return Study.objects.create(study_uid=study_uid, **{**values, **fields})


def make_visit_before(later: Study, study_uid: str = "1.2.77") -> Study:
    """The same patient on 2026-01-01; the visit after it is moved to 2026-06-01."""
    Study.objects.filter(pk=later.pk).update(study_date=date(2026, 6, 1))
    return make_study(
        study_uid,
        patient_id=later.patient_id,
        patient_id_issuer=later.patient_id_issuer,
        patient_name=later.patient_name,
        study_date=date(2026, 1, 1),
    )


def make_job(study: Study | None = None, **fields: Any) -> Job:
    """A queued job that speaks for its study."""
    study = study or make_study()
    chosen = {
        role: {"series_uid": series.series_uid, "orthanc_id": series.orthanc_id, "instances_digest": "d"}
        for role, series in {"T1": T1, "T2": T2, "FLAIR": FLAIR, "T1CE": T1CE}.items()
    }
    values: dict[str, Any] = {
        "series_key": "k1", "chosen": chosen, "model_name": "demo", "model_version": "1", "phase": "unknown",
        "rule_set": current_number(),
    }  # fmt: skip
    job = Job.objects.create(study=study, **{**values, **fields})
    Study.objects.filter(pk=study.pk).update(current_job=job, state=Study.State.QUEUED)
    study.refresh_from_db()
    return job


VOLUMES = {
    MeasuredRegion.WHOLE_TUMOUR: ("30.20", "25.10", "36.00"),
    MeasuredRegion.TUMOUR_CORE: ("9.30", "7.00", "12.00"),
    MeasuredRegion.ENHANCING_TUMOUR: ("6.80", "5.00", "9.00"),
    MeasuredRegion.OEDEMA: ("20.90", "16.00", "26.00"),
    MeasuredRegion.NONENHANCING_CORE: ("2.50", "1.00", "4.00"),
}


def make_result(job: Job | None = None, **fields: Any) -> Result:
    """A finished job with its volumes; it speaks for its study."""
    job = job or make_job()
    values: dict[str, Any] = {
        "seg_sop_uid": "1.9.1", "seg_series_uid": "1.9.2", "sr_sop_uid": "1.9.3", "sr_series_uid": "1.9.4",
        "t1ce_series_uid": T1CE.series_uid, "model_name": job.model_name, "model_version": job.model_version,
        "model_is_demo": True, "model_statement": "A demo model.", "phase": job.phase,
    }  # fmt: skip
    result = Result.objects.create(job=job, study=job.study, **{**values, **fields})
    for region, (ml, low, high) in VOLUMES.items():
        Measurement.objects.create(
            result=result, compartment=region, ml=Decimal(ml), low_ml=Decimal(low), high_ml=Decimal(high)
        )
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)
    result.make_current()
    Study.objects.filter(pk=job.study_id).update(state=Study.State.DONE)
    return result
