"""The derived images of a comparison: made of Orthanc's series and the kept masks, stored beside the later visit.

Safe to run twice: UIDs derive from the sources. Nothing is sent to destinations; our own series start no job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
from django.utils import timezone
from pydicom.dataset import Dataset

from orthanc.client import OrthancClient
from orthanc.derived_series import DerivedSeries, write_derived
from orthanc.difference_seg import write_difference
from orthanc.errors import BadResultError, BadSeriesError, NotInOrthancError
from orthanc.read import read_series
from orthanc.seg import write_seg
from orthanc.sources import SourceSeries, read_source, source_of
from orthanc.types import AlgorithmInfo, Role
from review.artefacts import job_folder, read_segmentation
from review.lesion_transforms import known_brain, known_transform
from review.models import Comparison, Result, Study
from review.pacs import connect
from review.publish import store
from segmentation.errors import BadGeometryError, BadInputError
from segmentation.geometry import centre_mm
from segmentation.lesion_matching import align
from segmentation.visit_comparison import brought_to_later, difference_of, subtracted

SUBTRACTION = DerivedSeries(
    "T1CE minus T1, aligned",
    9013,
    "T1CE minus T1 moved rigidly onto it and brought to its brightness in healthy brain",
)


@dataclass(frozen=True, slots=True)
class _Laid:
    """A way to lay the earlier visit onto the later one."""

    part: str
    number: int
    word: str
    words: str


ALIGNED = _Laid("PRIOR", 9010, "aligned", "moved rigidly onto its T1CE, resampled linearly")
AS_SCANNED = _Laid("PLAIN_PRIOR", 9014, "as scanned", "middle on middle, not turned, resampled linearly")

HOPELESS = (BadGeometryError, BadInputError, BadResultError, BadSeriesError, NotInOrthancError)


def work_on(comparison: Comparison) -> None:
    """Make what was asked for, or take away what is asked to go or outdated.

    Raises:
        OrthancUnavailableError: worth another try.
    """
    with connect() as pacs:
        if comparison.state == Comparison.State.REMOVING or comparison.is_outdated:
            _take_away(pacs, comparison)
            return
        try:
            made, words = _made(pacs, comparison)
        except HOPELESS as error:
            rows = Comparison.objects.filter(pk=comparison.pk)
            rows.update(state=Comparison.State.FAILED, words=str(error))
            return
        for datasets in made.values():
            store(pacs, datasets)
    Comparison.objects.filter(pk=comparison.pk, state=Comparison.State.WAITING).update(
        state=Comparison.State.READY,
        words=words,
        series={part: str(datasets[0].SeriesInstanceUID) for part, datasets in made.items()},
        made_at=timezone.now(),
    )
    Study.objects.filter(pk=comparison.later.study_id).update(changed_at=timezone.now())


def _take_away(pacs: OrthancClient, comparison: Comparison) -> None:
    for series_uid in comparison.series.values():
        found = pacs.find_series(series_uid)
        if found is not None:
            pacs.delete_series(found)
    comparison.delete()


@dataclass(frozen=True, slots=True)
class _Visits:
    """The images of two visits, and what the derived objects say of them."""

    later: Result
    earlier: Result
    t1ce: sitk.Image
    t1: sitk.Image
    before: sitk.Image
    now_labels: sitk.Image
    then_labels: sitk.Image
    source: SourceSeries
    before_source: SourceSeries

    @property
    def key(self) -> str:
        """Tells this pair of results from others on the same series."""
        return f"{self.later.seg_sop_uid} {self.earlier.seg_sop_uid}"

    @property
    def day(self) -> str:
        """The earlier visit in words."""
        return f"{self.earlier.study.study_date or 'an undated visit'}"


def _made(pacs: OrthancClient, comparison: Comparison) -> tuple[dict[str, Sequence[Dataset]], str]:
    """The series by part, and what a reader has to know of them."""
    visits = _visits(pacs, comparison)
    brain = known_brain(comparison.later.job)
    if brain is None:
        raise BadInputError(
            "The outline of the brain of this visit was not kept: the visits cannot be aligned."
        )
    transform, words = _alignment(visits, brain)
    t1_lies = align(visits.t1ce, brain, visits.t1)
    if not t1_lies.is_sure:
        words += f" T1 could not be aligned with T1CE for sure ({t1_lies.words})."
    prior, prior_labels = brought_to_later(visits.now_labels, visits.before, visits.then_labels, transform)
    contrast = subtracted(visits.t1ce, visits.t1, brain, visits.now_labels, t1_lies.transform)
    difference = write_difference(
        difference_of(visits.now_labels, prior_labels),
        visits.source,
        _algorithm(visits.later),
        description=f"Grown and shrunk since {visits.day}",
        key=visits.key,
    )
    return {
        **_prior(visits, prior, prior_labels, ALIGNED),
        **_prior(visits, *_as_scanned(visits), AS_SCANNED),
        "DIFFERENCE": [difference],
        "SUBTRACTION": write_derived(contrast, visits.source, SUBTRACTION, key=visits.key),
    }, words.strip()


def _visits(pacs: OrthancClient, comparison: Comparison) -> _Visits:
    later, earlier = comparison.later, comparison.earlier
    with TemporaryDirectory() as scratch:
        t1ce = _series(pacs, later, Role.T1CE, Path(scratch) / "t1ce")
        t1 = _series(pacs, later, Role.T1, Path(scratch) / "t1")
        before = _series(pacs, earlier, Role.T1CE, Path(scratch) / "before")
        return _Visits(
            later,
            earlier,
            read_series(t1ce),
            read_series(t1),
            read_series(before),
            read_segmentation(job_folder(later.job_id).inferred).labels,
            read_segmentation(job_folder(earlier.job_id).inferred).labels,
            read_source(t1ce),
            read_source(before),
        )


def _as_scanned(visits: _Visits) -> tuple[sitk.Image, sitk.Image]:
    """The earlier visit on the later one's grid, middle on middle and not turned."""
    shift_mm = np.subtract(centre_mm(visits.before), centre_mm(visits.t1ce)).tolist()
    lies = sitk.TranslationTransform(3, shift_mm)
    return brought_to_later(visits.now_labels, visits.before, visits.then_labels, lies)


def _prior(
    visits: _Visits, image: sitk.Image, labels: sitk.Image, how: _Laid
) -> dict[str, Sequence[Dataset]]:
    """The earlier T1CE as a series of the later study, and its mask on that."""
    series = DerivedSeries(
        f"T1CE of {visits.day}, {how.word}",
        how.number,
        f"T1CE of {visits.day} on this visit's grid: {how.words}",
    )
    images = write_derived(
        image, visits.source, series, key=visits.key, also_from=visits.before_source.datasets
    )
    seg = write_seg(
        labels,
        source_of(images),
        _algorithm(visits.earlier),
        result_key=f"{visits.key} {how.part}",
        series_number=how.number + 1,
    )
    seg.SeriesDescription = f"Mask of {visits.day}, {how.word}"
    return {how.part: images, f"{how.part}_SEG": [seg]}


def _series(pacs: OrthancClient, result: Result, role: Role, folder: Path) -> list[Path]:
    return pacs.download_series(result.job.chosen[role]["orthanc_id"], folder)


def _alignment(visits: _Visits, brain: sitk.Image) -> tuple[sitk.Transform, str]:
    """As it was found when lesions were followed, else sought now; the words say where it is not sure."""
    known = known_transform(visits.later.t1ce_series_uid, visits.earlier.t1ce_series_uid)
    if known is not None:
        return known, ""
    found = align(visits.t1ce, brain, visits.before)
    if found.is_sure:
        return found.transform, ""
    return found.transform, f"The visits could not be laid on each other for sure: {found.words}."


def _algorithm(result: Result) -> AlgorithmInfo:
    return AlgorithmInfo(result.model_name, result.model_version, result.model_statement)
