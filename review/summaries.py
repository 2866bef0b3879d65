"""The one-page summary of a patient: drawn of what is stored, and kept as a DICOM document on request."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import SimpleITK as sitk
from django.conf import settings
from django.utils import timezone
from pydicom import dcmread

from orthanc.client import OrthancClient
from orthanc.codes import Palette
from orthanc.encapsulated_pdf import write_pdf
from orthanc.errors import BadSeriesError, NotInOrthancError
from orthanc.secondary_capture import grey_levels, painted
from orthanc.types import MeasuredRegion, ObjectKind
from review.artefacts import ArtefactsGoneError, job_folder, read_segmentation
from review.audit import record
from review.course_changes import change_since_prior
from review.course_facts import PatientKey, Visit
from review.longitudinal import timeline_of
from review.macros import templates_for, text_of
from review.models import AuditAction, Result, ResultObject
from review.pacs import connect
from review.response_types import Timeline
from review.stored_images import read_t1ce
from review.summary_page import CurvePoint, KeyImage, SummaryPage, summary_pdf
from segmentation.errors import BadInputError

SHOWN = (MeasuredRegion.ENHANCING_TUMOUR, MeasuredRegion.WHOLE_TUMOUR)
TABLED = (*SHOWN, MeasuredRegion.OEDEMA)
COLUMNS = (
    "Date",
    *(f"{region.value}, mL (95 % interval)" for region in TABLED),
    "ET since visit before",
    "Suggested",
)


class NoSummaryError(Exception):
    """There is nothing to sum up; the text says why."""


def summary_of(patient: PatientKey) -> bytes:
    """The page of a patient as it stands now.

    Raises:
        NoSummaryError: no visit counts.
        OrthancUnavailableError: worth another try.
    """
    timeline = timeline_of(patient)
    with connect() as pacs:
        return _drawn(pacs, timeline, _latest(timeline))


def keep_summary(patient: PatientKey, *, by: str) -> ResultObject:
    """Store the page in Orthanc, in the study of the last visit that counts. It is not sent on.

    Raises:
        NoSummaryError: no visit counts.
        OrthancUnavailableError: worth another try.
        NotInOrthancError: the report that it refers to is gone from Orthanc.
    """
    timeline = timeline_of(patient)
    result = _latest(timeline)
    made_at = timezone.now()
    with connect() as pacs:
        pdf = _drawn(pacs, timeline, result)
        held = pacs.find_instance(result.sr_sop_uid)
        if held is None:
            raise NotInOrthancError("The report (SR) of the last visit is gone from Orthanc.")
        report = dcmread(BytesIO(pacs.instance_bytes(held)))
        document = write_pdf(pdf, [report], "Summary of the course", made_at=made_at, key=made_at.isoformat())
        pacs.store(document)
    record(AuditAction.EXPORTED, by, study=result.study, what="summary stored as a document")
    return ResultObject.objects.create(
        result=result,
        kind=ObjectKind.PDF,
        sop_uid=str(document.SOPInstanceUID),
        sop_class_uid=str(document.SOPClassUID),
        series_uid=str(document.SeriesInstanceUID),
    )


def _latest(timeline: Timeline) -> Result:
    if not timeline.counted:
        raise NoSummaryError("No visit of this patient counts: there is nothing to sum up.")
    last = [visit.result_id for visit in timeline.counted if visit.result_id is not None][-1]
    return Result.objects.select_related("study", "job").get(pk=last)


def _drawn(pacs: OrthancClient, timeline: Timeline, latest: Result) -> bytes:
    template = templates_for(latest).first()
    report = text_of(template.current, latest) if template is not None else "No report template is installed."
    born = f", born {timeline.birth_date}" if timeline.birth_date else ""
    ids = ", ".join(one.patient_id or "no patient ID" for one in timeline.patients)
    last_two = [visit.result_id for visit in timeline.counted[-2:] if visit.result_id is not None]
    results = Result.objects.select_related("study", "job").in_bulk(last_two)
    page = SummaryPage(
        title=timeline.name.replace("^", " ").strip() or "No name",
        subtitle=f"{ids}{born} · suggested by {timeline.profile.title}",
        curves={region.value: points for region in SHOWN if (points := _points(timeline, region))},
        columns=COLUMNS,
        rows=tuple(_row(timeline, visit) for visit in timeline.counted),
        images=tuple(image for key in last_two if (image := _key_image(pacs, results[key])) is not None),
        report=report,
        footer=f"{latest.model_name} {latest.model_version} · {timezone.localtime():%Y-%m-%d %H:%M}",
    )
    return summary_pdf(page)


def _points(timeline: Timeline, region: MeasuredRegion) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(visit.on, one.ml, one.low_ml, one.high_ml)
        for visit in timeline.counted
        if visit.on is not None and (one := visit.volumes.get(region)) is not None
    )


def _row(timeline: Timeline, visit: Visit) -> tuple[str, ...]:
    found = [visit.volumes.get(region) for region in TABLED]
    volumes = [f"{one.ml:.2f} ({one.low_ml:.2f} to {one.high_ml:.2f})" if one else "–" for one in found]
    since = change_since_prior(timeline, visit.study_uid)
    enhancing = since.volumes.get(MeasuredRegion.ENHANCING_TUMOUR) if since else None
    change = (
        f"{enhancing.difference_ml:+.2f} ({enhancing.low_ml:+.2f} to {enhancing.high_ml:+.2f})"
        if enhancing
        else "–"
    )
    answer = timeline.assessment_of(visit.study_uid)
    preliminary = ", preliminary" if answer and answer.is_preliminary else ""
    return (str(visit.on), *volumes, change, f"{answer.category.value}{preliminary}" if answer else "–")


def _key_image(pacs: OrthancClient, result: Result) -> KeyImage | None:
    """T1CE where the tumour is largest, with its mask; None where images or mask are gone."""
    try:
        labels = read_segmentation(job_folder(result.job_id).inferred).labels
        t1ce = read_t1ce(pacs, result.job)
    except (ArtefactsGoneError, BadInputError, BadSeriesError, NotInOrthancError):
        return None
    upright, mask = (sitk.DICOMOrient(image, "LPS") for image in (t1ce, labels))
    mask_zyx = sitk.GetArrayViewFromImage(mask)
    level = int((mask_zyx > 0).sum(axis=(1, 2)).argmax())
    grey = grey_levels(upright)[level]
    rgb = painted(grey, mask_zyx[level], Palette(settings.SEGMENT_COLOURS))
    return KeyImage(f"T1CE of {result.study.study_date}, largest tumour", _square(rgb, upright.GetSpacing()))


def _square(rgb: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Rows repeated or left out, so that pixels are as high as wide."""
    wanted = max(1, round(rgb.shape[0] * spacing_mm[1] / spacing_mm[0]))
    return rgb[np.linspace(0, rgb.shape[0] - 1, wanted).round().astype(int)]
