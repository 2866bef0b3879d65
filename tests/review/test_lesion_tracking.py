"""Lesions that keep one number over all visits: published to a real Orthanc, flagged, superseded, arrived late."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import SimpleITK as sitk
from pytest_django import DjangoCaptureOnCommitCallbacks

from orthanc.client import OrthancClient
from review import lesion_transforms, tasks
from review.artefacts import job_folder
from review.follow_again import follow_again
from review.longitudinal import key_of, timeline_of
from review.models import Flag, Following, Result
from review.response_types import Timeline
from review.services_of_review import flag_as_poor, undo_flag
from review.sweeper import sweep
from segmentation.lesion_matching import Alignment
from segmentation.types import Fate
from tests.review.head_visits import FINE_MM, Ball, publish_visit
from tests.review.test_api import client_of
from tests.segmentation import simple_head

pytestmark = [pytest.mark.django_db, pytest.mark.stack]

FIRST, SECOND, THIRD = date(2026, 1, 5), date(2026, 3, 9), date(2026, 5, 11)
TURNED = simple_head.pose((0.07, -0.05, 0.09), (6.0, -5.0, 8.0))
LEFT, RIGHT, BACK = Ball((30, 10, 10), 11), Ball((-30, 10, 10), 9), Ball((0, 45, 0), 10)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows for which messages go out to join a visit anew."""
    rows: list[int] = []
    monkeypatch.setattr(tasks.follow, "send", rows.append)
    return rows


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads that were all laid alike, so that nothing has to be sought: one test here seeks, and those of `align`."""
    monkeypatch.setattr(
        lesion_transforms, "align", lambda *_: Alignment(sitk.Euler3DTransform(), True, 0.0, 0.0)
    )


@pytest.fixture
def visits(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, asked: list[int], still: None
) -> list[Result]:
    """The left lesion grows, the right one vanishes, one in the back is new."""
    return [
        publish_visit(orthanc, tmp_path, FIRST, [LEFT, RIGHT]),
        publish_visit(orthanc, tmp_path, SECOND, [Ball(LEFT.centre_mm, 14), BACK]),
    ]


def course(result: Result) -> Timeline:
    return timeline_of(key_of(result.study))


def numbers(result: Result) -> dict[int, int | None]:
    """The lesions of a visit, in the order of its own label map, by their numbers over all visits."""
    visit = next(one for one in course(result).visits if one.result_id == result.pk)
    return {one.component: one.number for one in visit.tracked or ()}


def test_a_lesion_keeps_its_number_though_the_head_was_laid_otherwise(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, asked: list[int]
) -> None:
    first = publish_visit(orthanc, tmp_path, FIRST, [RIGHT, LEFT], spacing_mm=FINE_MM)
    second = publish_visit(
        orthanc, tmp_path, SECOND, [Ball(RIGHT.centre_mm, 14), BACK], TURNED, spacing_mm=FINE_MM
    )
    assert [numbers(one) for one in (first, second)] == [{1: 1, 2: 2}, {1: 2, 2: 3}]
    assert (first.following.state, second.following.state) == ("first", "followed")
    assert second.following.reference == first


def test_the_curve_of_every_lesion_is_told_by_the_api(visits: list[Result]) -> None:
    address = f"/api/patients/{visits[0].study.study_uid}/timeline/"
    answer = client_of("viewer").get(address).json()
    told = {
        one["number"]: [(p["fate"], p["enhancing_ml"] == 0) for p in one["points"]]
        for one in answer["lesions"]
    }
    assert told == {
        1: [("first", False), ("same", False)],
        2: [("first", False), ("vanished", True)],
        3: [("new", False)],
    }
    assert len({one["colour"] for one in answer["lesions"]}) == 3
    assert [one["not_followed"] for one in answer["visits"]] == ["", ""]
    uids = {one["tracking_uid"] for one in answer["visits"][0]["lesions"]}
    assert uids == {one["tracking_uid"] for one in answer["lesions"] if one["number"] < 3}
    assert answer["visits"][0]["change"] is None
    change = answer["visits"][1]["change"]
    assert change["since_uid"] == visits[0].study.study_uid
    enhancing = change["volumes"]["ET"]
    before, after = (one["volumes"]["ET"]["ml"] for one in answer["visits"])
    assert enhancing["difference_ml"] == pytest.approx(after - before)
    assert enhancing["low_ml"] < after - before < enhancing["high_ml"]


def test_a_new_measurable_lesion_is_known_as_such_by_the_rules(visits: list[Result]) -> None:
    client = client_of("radiologist")
    study_uid = visits[0].study.study_uid
    client.put(
        f"/api/patients/{study_uid}/reading/",
        {"setting": "newly_diagnosed", "baseline": study_uid},
        format="json",
    )
    latest = course(visits[0]).latest
    assert latest is not None
    assert any("New measurable lesion (number 3)" in words for words in latest.reasoning)


def test_a_lesion_that_comes_back_has_its_old_number(
    visits: list[Result], orthanc: OrthancClient, tmp_path: Path
) -> None:
    third = publish_visit(orthanc, tmp_path, THIRD, [RIGHT, BACK])
    assert numbers(third) == {1: 3, 2: 2}


def test_after_a_flag_the_visits_behind_are_joined_with_the_one_before(
    visits: list[Result],
    orthanc: OrthancClient,
    tmp_path: Path,
    asked: list[int],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    third = publish_visit(orthanc, tmp_path, THIRD, [LEFT, RIGHT, BACK])
    assert third.following.reference == visits[1]
    uids = dict(third.tracked_lesions.values_list("component", "tracking_uid"))
    asked.clear()
    with django_capture_on_commit_callbacks(execute=True):
        flag = flag_as_poor(visits[1], reason=Flag.Reason.MOTION, by="ray")
    assert asked == [third.following.pk]
    tasks.follow.fn(third.following.pk)
    again = Following.objects.get(result=third)
    assert (again.reference, again.stale_at) == (visits[0], None)
    # Nobody else has the identity of the lesion in the back, so the SR stays true.
    assert dict(third.tracked_lesions.values_list("component", "tracking_uid")) == uids
    undo_flag(flag, by="ray")
    follow_again(Following.objects.get(result=third))
    assert Following.objects.get(result=third).reference == visits[1]
    assert dict(third.tracked_lesions.values_list("component", "tracking_uid")) == uids


def test_a_lost_message_is_sent_again(visits: list[Result], asked: list[int]) -> None:
    flag_as_poor(visits[0], reason=Flag.Reason.MOTION, by="ray")
    asked.clear()
    sweep()
    assert asked == [visits[1].following.pk]


def test_a_visit_that_arrives_late_takes_the_numbers_that_are_there(
    visits: list[Result], orthanc: OrthancClient, tmp_path: Path, asked: list[int]
) -> None:
    before = publish_visit(orthanc, tmp_path, date(2025, 12, 1), [RIGHT])
    assert (
        before.tracked_lesions.get().tracking_uid == visits[0].tracked_lesions.get(component=2).tracking_uid
    )
    assert Following.objects.filter(stale_at__isnull=False).count() == 2
    tasks.follow.fn(visits[0].following.pk)
    told = {one.number: [point.fate for point in one.points] for one in course(before).lesions}
    assert told == {
        1: [Fate.FIRST, Fate.SAME, Fate.VANISHED], 2: [Fate.NEW, Fate.SAME], 3: [Fate.NEW]
    }  # fmt: skip
    assert asked[-1] == visits[1].following.pk


def test_without_the_outline_of_the_brain_it_is_said_that_lesions_were_not_followed(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, asked: list[int], still: None
) -> None:
    publish_visit(orthanc, tmp_path, FIRST, [LEFT])
    second = publish_visit(orthanc, tmp_path, SECOND, [LEFT], keep_brain=False)
    assert second.following.state == Following.State.UNSURE
    assert numbers(second) == {1: None}
    assert any("not followed over visits: the outline" in words for words in second.warnings)
    third = publish_visit(orthanc, tmp_path, THIRD, [LEFT])
    assert numbers(third) == {1: 1}


def test_a_visit_from_before_lesions_were_followed_is_compared_with_all_the_same(
    visits: list[Result], orthanc: OrthancClient, tmp_path: Path
) -> None:
    for one in visits:
        one.following.delete()
        one.tracked_lesions.all().delete()
        for path in job_folder(one.job_id).followed.iterdir():
            path.unlink()
    third = publish_visit(orthanc, tmp_path, THIRD, [LEFT, BACK])
    assert third.following.state == Following.State.FOLLOWED
    assert sorted(numbers(third).values()) == sorted(numbers(visits[1]).values()) == [1, 2]


def test_a_prior_whose_images_are_gone_stops_nothing(
    visits: list[Result], orthanc: OrthancClient, tmp_path: Path
) -> None:
    gone = orthanc.find_series(visits[1].t1ce_series_uid)
    assert gone is not None
    orthanc.delete_series(gone)
    third = publish_visit(orthanc, tmp_path, THIRD, [LEFT])
    assert third.following.state == Following.State.UNSURE
    assert "2026-03-09 cannot be read" in third.following.words
