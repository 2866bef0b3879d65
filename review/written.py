"""The DICOM objects of a result, from its label map and volumes. The same job gives the same bytes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from pydicom.dataset import Dataset

from orthanc.codes import Palette
from orthanc.parametric_map import write_uncertainty_map
from orthanc.secondary_capture import ON_FLAIR, ON_T1CE, OverlaySeries, write_overlays
from orthanc.seg import write_seg
from orthanc.sources import SourceSeries
from orthanc.sr import write_sr
from orthanc.types import AlgorithmInfo, CompartmentVolume, ObjectKind, Role
from review.models import Job
from segmentation.types import Lesion, Segmentation, Trust

NO_OVERLAY_ON_FLAIR = "No colour overlay was drawn on FLAIR: it has another frame of reference than T1CE."


@dataclass(frozen=True, slots=True)
class Written:
    """One object of a result, or one series of images."""

    kind: ObjectKind
    datasets: tuple[Dataset, ...]


def write_objects(
    job: Job, done: Segmentation, volumes: Sequence[CompartmentVolume], sources: Mapping[Role, SourceSeries]
) -> list[Written]:
    """SEG, SR, overlays and the uncertainty map, in the order in which they are sent.

    Args:
        sources: the T1CE and FLAIR series, by role.
    """
    algorithm = AlgorithmInfo(
        done.model.name, done.model.version, done.model.statement, (f"phase: {done.phase}",)
    )
    palette = Palette(settings.SEGMENT_COLOURS)
    key, made_at = job.series_key, job.created_at
    t1ce = sources[Role.T1CE]
    seg = write_seg(
        done.labels, t1ce, algorithm,
        edited_by=job.edited_by, result_key=key, made_at=made_at, palette=palette,
    )  # fmt: skip
    sr = write_sr(volumes, seg, t1ce, algorithm, statements=statements(done), result_key=key, made_at=made_at)

    def overlays(role: Role, kind: ObjectKind, series: OverlaySeries) -> Written:
        captures = write_overlays(
            done.labels, sources[role], algorithm, volumes, series,
            remarks=remarks(done), palette=palette, result_key=key, made_at=made_at,
        )  # fmt: skip
        return Written(kind, tuple(captures))

    made = [Written(ObjectKind.SEG, (seg,)), Written(ObjectKind.SR, (sr,))]
    made.append(overlays(Role.T1CE, ObjectKind.SC_T1CE, ON_T1CE))
    if share_a_space(sources):
        made.append(overlays(Role.FLAIR, ObjectKind.SC_FLAIR, ON_FLAIR))
    if done.uncertainty is not None:
        pmap = write_uncertainty_map(done.uncertainty, t1ce, algorithm, result_key=key, made_at=made_at)
        made.append(Written(ObjectKind.UNCERTAINTY, (pmap,)))
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
    return (*said, *(lesion_words(one) for one in done.lesions), *done.warnings)


def trust_words(trust: Trust) -> str:
    """The trust score as a sentence."""
    return (
        f"Trust: {trust.grade}. Expected Dice with a reader's outline {trust.predicted_dice:.2f} "
        f"(95 % interval {trust.low:.2f} to {trust.high:.2f})."
    )


def lesion_words(lesion: Lesion) -> str:
    """A lesion as a sentence: place, enhancing volume, axial diameters, RANO's test of shape."""
    shape = "measurable" if lesion.is_measurable else "not measurable"
    return (
        f"Lesion {lesion.number}: {lesion.hemisphere}, {lesion.lobe}; enhancing {lesion.enhancing_ml:.2f} mL, axial "
        f"diameters {lesion.long_diameter_mm:.0f} x {lesion.perpendicular_diameter_mm:.0f} mm, {shape} by RANO."
    )


def remarks(done: Segmentation) -> tuple[str, ...]:
    """What a picture says of it, where there is room for little."""
    said = ["Made by a demonstration model."] if done.model.is_demo else []
    if done.not_validated:
        said.append("Not validated for this study: see the report.")
    return tuple(said)
