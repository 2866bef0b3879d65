"""The DICOM objects of a result, from its label map and volumes. The same job gives the same bytes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from pydicom.dataset import Dataset

from orthanc.codes import Palette
from orthanc.parametric_map import write_uncertainty_map
from orthanc.secondary_capture import (
    ON_FLAIR,
    ON_T1CE,
    Compression,
    OverlayFormat,
    OverlaySeries,
    write_overlays,
)
from orthanc.seg import write_seg
from orthanc.sources import SourceSeries
from orthanc.sr import write_sr
from orthanc.types import AlgorithmInfo, CompartmentVolume, LesionMeasurement, ObjectKind, Role
from review.models import Job, SiteSettings
from segmentation.types import Segmentation, Trust

NO_OVERLAY_ON_FLAIR = "No colour overlay was drawn on FLAIR: it has another frame of reference than T1CE."

DRAFT = (
    "The summary is the draft of a report, written by rules when the result was made: no radiologist has reviewed it, "
    "and it is not kept up to date."
)


@dataclass(frozen=True, slots=True)
class Written:
    """One object of a result, or one series of images."""

    kind: ObjectKind
    datasets: tuple[Dataset, ...]


def write_objects(
    job: Job,
    done: Segmentation,
    volumes: Sequence[CompartmentVolume],
    sources: Mapping[Role, SourceSeries],
    *,
    tracking_uids: Mapping[int, str] | None = None,
    report_text: str = "",
) -> list[Written]:
    """SEG, SR, overlays and the uncertainty map, in the order in which they are sent.

    Args:
        sources: the T1CE and FLAIR series, by role.
        tracking_uids: what lesions are tracked by over the visits, by number; the others are named by study.
        report_text: what the radiologist's report would say now.
    """
    algorithm = AlgorithmInfo(
        done.model.name, done.model.version, done.model.statement, (f"phase: {done.phase}",)
    )
    palette = Palette(settings.SEGMENT_COLOURS)
    wanted = OverlayFormat(settings.OVERLAY_STEP_MM, Compression(settings.OVERLAY_COMPRESSION))
    key, made_at = job.series_key, job.created_at
    t1ce = sources[Role.T1CE]
    seg = write_seg(
        done.labels, t1ce, algorithm,
        edited_by=job.edited_by, result_key=key, made_at=made_at, palette=palette,
    )  # fmt: skip
    uncertainty = (
        write_uncertainty_map(done.uncertainty, t1ce, algorithm, result_key=key, made_at=made_at)
        if done.uncertainty is not None
        else None
    )
    said = (*statements(done), *([DRAFT] if report_text else []), *SiteSettings.load().sentences())
    sr = write_sr(
        volumes, seg, t1ce, algorithm,
        lesions=lesion_measurements(done, tracking_uids or {}), uncertainty=uncertainty,
        summary=report_text, statements=said, result_key=key, made_at=made_at,
    )  # fmt: skip

    def overlays(role: Role, kind: ObjectKind, series: OverlaySeries) -> Written:
        captures = write_overlays(
            done.labels, sources[role], algorithm, volumes, series,
            remarks=remarks(done), palette=palette, wanted=wanted, result_key=key, made_at=made_at,
        )  # fmt: skip
        return Written(kind, tuple(captures))

    made = [Written(ObjectKind.SEG, (seg,)), Written(ObjectKind.SR, (sr,))]
    made.append(overlays(Role.T1CE, ObjectKind.SC_T1CE, ON_T1CE))
    if share_a_space(sources):
        made.append(overlays(Role.FLAIR, ObjectKind.SC_FLAIR, ON_FLAIR))
    if uncertainty is not None:
        made.append(Written(ObjectKind.UNCERTAINTY, (uncertainty,)))
    return made


def share_a_space(sources: Mapping[Role, SourceSeries]) -> bool:
    """Whether T1CE and FLAIR have one frame of reference, so that labels of one can be drawn on the other."""
    spaces = {str(sources[role].datasets[0].FrameOfReferenceUID) for role in (Role.T1CE, Role.FLAIR)}
    return len(spaces) == 1


def statements(done: Segmentation) -> tuple[str, ...]:
    """The sentences of a result for its report: first what it was not validated for."""
    said = [f"Not validated for this: {one.words}" for one in done.not_validated]
    if done.trust is not None:
        said.append(trust_words(done.trust))
    return (*said, *done.warnings)


def trust_words(trust: Trust) -> str:
    """The trust score as a sentence."""
    return (
        f"Trust: {trust.grade}. Expected Dice with a reader's outline {trust.predicted_dice:.2f} "
        f"(95 % interval {trust.low:.2f} to {trust.high:.2f})."
    )


def lesion_measurements(
    done: Segmentation, tracking_uids: Mapping[int, str]
) -> tuple[LesionMeasurement, ...]:
    """The lesions as the report states them."""
    return tuple(
        LesionMeasurement(
            number=one.number,
            enhancing_ml=one.enhancing_ml,
            nonenhancing_core_ml=one.nonenhancing_core_ml,
            oedema_ml=one.oedema_ml,
            long_diameter_mm=one.long_diameter_mm,
            perpendicular_diameter_mm=one.perpendicular_diameter_mm,
            is_measurable=one.is_measurable,
            centre_mm=one.centre_mm_lps,
            side=one.hemisphere.value,
            lobe=one.lobe.value,
            tracking_uid=tracking_uids.get(one.number, ""),
        )
        for one in done.lesions
    )


def remarks(done: Segmentation) -> tuple[str, ...]:
    """What a picture says of it, where there is room for little."""
    said = ["Made by a demonstration model."] if done.model.is_demo else []
    if done.not_validated:
        said.append("Not validated for this study: see the report.")
    return tuple(said)
