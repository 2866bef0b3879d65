"""Two visits laid on each other in a real Orthanc: what is stored, that it starts nothing, and that it goes again."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset

from orthanc.client import OrthancClient
from orthanc.read import read_series
from review import compare_visits, lesion_transforms, tasks
from review.artefacts import job_folder, read_segmentation
from review.comparisons import (
    CannotCompareError,
    ask_for_comparison,
    comparison_of,
    in_order,
    remove_comparison,
)
from review.intake import take_study
from review.models import Comparison, Delivery, Flag, Job, Result, ResultObject
from review.services_of_review import flag_as_poor
from review.sweeper import sweep
from segmentation.lesion_matching import Alignment
from segmentation.types import Tissue
from tests.review.factories import make_study
from tests.review.head_visits import Ball, publish_visit

pytestmark = [pytest.mark.django_db, pytest.mark.stack]

FIRST, SECOND = date(2026, 1, 5), date(2026, 3, 9)
SMALL, LARGE = Ball((30, 10, 10), 12), Ball((30, 10, 10), 18)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows for which messages go out to work on a comparison; heads are all laid alike."""
    rows: list[int] = []
    monkeypatch.setattr(tasks.compare, "send", rows.append)
    monkeypatch.setattr(tasks.follow, "send", lambda _: None)
    still = Alignment(sitk.Euler3DTransform(), True, 0.0, 0.0)
    for module in (lesion_transforms, compare_visits):
        monkeypatch.setattr(module, "align", lambda *_: still)
    return rows


@pytest.fixture
def visits(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, asked: list[int]
) -> list[Result]:
    return [
        publish_visit(orthanc, tmp_path, FIRST, [SMALL]),
        publish_visit(orthanc, tmp_path, SECOND, [LARGE]),
    ]


def made(visits: list[Result]) -> Comparison:
    ask_for_comparison(visits[1].study, visits[0].study, by="vera")
    tasks.compare.fn(Comparison.objects.get().pk)
    return Comparison.objects.get()


def first_object(pacs: OrthancClient, series_uid: str) -> Dataset:
    found = pacs.find_series(series_uid)
    assert found is not None
    (instance, *_) = pacs.get_json(f"/series/{found}")["Instances"]
    return dcmread(BytesIO(pacs.instance_bytes(instance)))


def test_the_earlier_visit_stands_on_the_grid_of_the_later_one_and_starts_nothing(
    visits: list[Result], orthanc: OrthancClient, tmp_path: Path
) -> None:
    objects = ResultObject.objects.count()
    comparison = made(visits)
    assert (comparison.state, comparison.words) == (Comparison.State.READY, "")
    assert set(comparison.series) == {
        "PRIOR", "PRIOR_SEG", "PLAIN_PRIOR", "PLAIN_PRIOR_SEG", "DIFFERENCE", "SUBTRACTION"
    }  # fmt: skip
    later = visits[1].study
    for series_uid in comparison.series.values():
        one = first_object(orthanc, series_uid)
        assert one.StudyInstanceUID == later.study_uid
        assert one.Manufacturer == "Glioma Review"
        assert one.get("ImageType", ["DERIVED"])[0] == "DERIVED"
    t1ce, prior = (
        read_series(orthanc.download_series(str(orthanc.find_series(uid)), tmp_path / uid))
        for uid in (visits[1].t1ce_series_uid, comparison.series["PRIOR"])
    )
    assert prior.GetSize() == t1ce.GetSize()
    assert np.allclose(prior.GetOrigin(), t1ce.GetOrigin(), atol=0.01)
    # Taken in again, the study gets no job and no delivery of them.
    take_study(orthanc, later.orthanc_id)
    assert (Job.objects.count(), ResultObject.objects.count()) == (2, objects)
    assert not Delivery.objects.exists()


def test_what_grew_is_a_shell_around_what_was_there(visits: list[Result], orthanc: OrthancClient) -> None:
    difference = first_object(orthanc, made(visits).series["DIFFERENCE"])
    n_frames = int(difference.NumberOfFrames) // 6
    voxels = [int(frames.sum()) for frames in difference.pixel_array.reshape(6, n_frames, -1)]
    masks = [
        sitk.GetArrayFromImage(read_segmentation(folder).labels) == Tissue.ENHANCING
        for folder in (job_folder(one.job_id).inferred for one in visits)
    ]
    grown, stable = masks[1] & ~masks[0], masks[1] & masks[0]
    assert voxels == [int(grown.sum()), 0, int(stable.sum()), 0, 0, 0]
    assert difference.SegmentSequence[0].SegmentLabel == "Enhancing, grown"


def test_asked_twice_it_is_made_once_and_removed_it_is_gone(
    visits: list[Result], orthanc: OrthancClient
) -> None:
    comparison = made(visits)
    assert ask_for_comparison(visits[1].study, visits[0].study, by="vera") == comparison
    remove_comparison(comparison, by="vera")
    assert comparison_of(visits[1].study, visits[0].study) is not None
    tasks.compare.fn(comparison.pk)
    assert not Comparison.objects.exists()
    assert [orthanc.find_series(uid) for uid in comparison.series.values()] == [None] * 6


def test_superseded_results_take_their_comparison_with_them(
    visits: list[Result], orthanc: OrthancClient, asked: list[int]
) -> None:
    comparison = made(visits)
    Result.objects.filter(pk=visits[0].pk).update(superseded_by=visits[1])
    assert comparison_of(visits[1].study, visits[0].study) is None
    asked.clear()
    Comparison.objects.update(try_at=comparison.asked_at)
    sweep()
    assert asked == [comparison.pk]
    tasks.compare.fn(comparison.pk)
    assert not Comparison.objects.exists()


def test_what_cannot_be_compared_says_why(visits: list[Result], orthanc: OrthancClient) -> None:
    one, other = (result.study for result in visits)
    assert in_order(one, other) == in_order(other, one) == (other, one)
    with pytest.raises(CannotCompareError, match="Two visits"):
        in_order(one, one)
    with pytest.raises(CannotCompareError, match="two patients"):
        in_order(one, make_study("1.2.99", patient_id="OTHER"))
    gone = orthanc.find_series(visits[0].t1ce_series_uid)
    assert gone is not None
    orthanc.delete_series(gone)
    failed = made(visits)
    assert failed.state == Comparison.State.FAILED
    assert failed.words
    flag_as_poor(visits[0], reason=Flag.Reason.MOTION, by="ray")
    Comparison.objects.all().delete()
    with pytest.raises(CannotCompareError, match="2026-01-05 has no result that counts"):
        ask_for_comparison(other, one, by="vera")
