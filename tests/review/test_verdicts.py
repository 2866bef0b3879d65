"""Verdicts of readers: what falls with a flag, who may give one, and what is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from rest_framework.test import APIClient

from review.models import Flag, Result, Study
from review.services_of_review import (
    CannotReviewError,
    accept,
    flag_as_poor,
    give_opinion,
    undo_flag,
    withdraw_acceptance,
)
from tests.review.factories import STUDY_UID, make_job, make_result

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], APIClient]


@pytest.fixture
def client_of() -> ClientOf:
    def log_in(role: str) -> APIClient:
        user = User.objects.create_user(f"user-{role}")
        user.groups.add(Group.objects.get_or_create(name=role)[0])
        client = APIClient()
        client.force_authenticate(user)
        return client

    return log_in


@pytest.mark.parametrize(
    ("compartment", "struck"),
    [
        ("", {"WT", "TC", "ET", "ED", "NC"}),
        ("WT", {"WT", "TC", "ET", "ED", "NC"}),
        ("TC", {"WT", "TC", "ET", "NC"}),
        ("ET", {"WT", "TC", "ET"}),
        ("NC", {"WT", "TC", "NC"}),
        ("ED", {"WT", "ED"}),
    ],
)
def test_a_flag_strikes_every_region_that_shares_voxels_with_what_was_flagged(
    compartment: str, struck: set[str]
) -> None:
    result = make_result()
    flag_as_poor(result, compartment=compartment, reason="missed", by="ann")
    assert result.is_flagged
    assert result.struck == struck
    for region in ("WT", "TC", "ET", "ED", "NC"):
        assert Result.objects.counted(region).exists() == (region not in struck)
    assert not Result.objects.counted().exists()


def test_a_flag_taken_back_lets_the_numbers_count_again_and_stays_as_history() -> None:
    result = make_result()
    flag = flag_as_poor(result, reason="motion", by="ann")
    undo_flag(flag, by="ben")
    assert Result.objects.counted().get() == result
    assert not Result.objects.get().is_flagged
    assert (flag.by, flag.undone_by, flag.stands) == ("ann", "ben", False)
    flag_as_poor(result, reason="motion", by="ann")
    assert result.flags.count() == 2
    with pytest.raises(CannotReviewError, match="taken back already"):
        undo_flag(flag, by="ben")


def test_a_superseded_result_does_not_count_flagged_or_not() -> None:
    first = make_result()
    second = make_result(make_job(first.study, series_key="k2"), seg_sop_uid="1.9.9")
    assert list(Result.objects.counted("ET")) == [second]


def test_the_same_cannot_be_flagged_twice_and_other_reasons_need_words() -> None:
    result = make_result()
    flag_as_poor(result, compartment="ET", reason="ventricle", by="ann")
    with pytest.raises(CannotReviewError, match="by ann"):
        flag_as_poor(result, compartment="ET", reason="motion", by="ben")
    with pytest.raises(CannotReviewError, match="in words"):
        flag_as_poor(result, reason="other", text="  ", by="ben")
    flag_as_poor(result, reason="other", text="Labels of another patient", by="ben")
    assert Flag.objects.count() == 2


def test_a_second_opinion_comes_from_another_reader_and_is_kept() -> None:
    flag = flag_as_poor(make_result(), reason="motion", by="ann")
    with pytest.raises(CannotReviewError, match="another reader"):
        give_opinion(flag, agrees=True, by="ann")
    give_opinion(flag, agrees=True, by="ben")
    with pytest.raises(CannotReviewError, match="already"):
        give_opinion(flag, agrees=True, by="ben")
    give_opinion(flag, agrees=False, text="On a second look it is fine.", by="ben")
    assert [one.agrees for one in flag.opinions.all()] == [True, False]
    assert Result.objects.get().is_flagged
    undo_flag(flag, by="ben")
    with pytest.raises(CannotReviewError, match="taken back"):
        give_opinion(flag, agrees=True, by="cleo")


def test_a_reader_accepts_once_and_may_withdraw() -> None:
    result = make_result()
    accept(result, by="ann")
    with pytest.raises(CannotReviewError, match="already"):
        accept(result, by="ann")
    accept(result, by="ben")
    assert Result.objects.get().reviewed_by == ["ann", "ben"]
    withdraw_acceptance(result, by="ann")
    assert Result.objects.get().reviewed_by == ["ben"]
    with pytest.raises(CannotReviewError, match="not accepted"):
        withdraw_acceptance(result, by="ann")


def test_what_is_flagged_as_a_whole_or_superseded_cannot_be_accepted() -> None:
    result = make_result()
    flag = flag_as_poor(result, reason="motion", by="ann")
    with pytest.raises(CannotReviewError, match="flagged"):
        accept(result, by="ben")
    undo_flag(flag, by="ann")
    make_result(make_job(result.study, series_key="k2"), seg_sop_uid="1.9.9")
    with pytest.raises(CannotReviewError, match="newer result"):
        accept(result, by="ben")


def test_a_verdict_is_a_change_of_the_study() -> None:
    result = make_result()
    before = timezone.now()
    flag_as_poor(result, reason="motion", by="ann")
    assert Study.objects.get().changed_at > before


@pytest.mark.parametrize("role", ["viewer", "admin", "service"])
def test_only_radiologists_give_verdicts(client_of: ClientOf, role: str) -> None:
    result = make_result()
    flag = flag_as_poor(result, reason="motion", by="ann")
    client = client_of(role)
    assert client.post(f"/api/results/{result.pk}/flags/", {"reason": "motion"}).status_code == 403
    assert client.post(f"/api/flags/{flag.pk}/undo/").status_code == 403
    assert client.post(f"/api/flags/{flag.pk}/opinions/", {"agrees": True}).status_code == 403
    assert client.post(f"/api/results/{result.pk}/acceptance/").status_code == 403
    assert client.delete(f"/api/results/{result.pk}/acceptance/").status_code == 403
    assert client.get(f"/api/results/{result.pk}/flags/").status_code == 200


def test_a_radiologist_flags_undoes_and_accepts_over_the_api(client_of: ClientOf) -> None:
    result = make_result()
    client = client_of("radiologist")
    flagged = client.post(f"/api/results/{result.pk}/flags/", {"reason": "ventricle", "compartment": "ET"})
    assert flagged.status_code == 201
    told = client.get(f"/api/studies/{STUDY_UID}/").json()["result"]
    assert (told["id"], told["flagged"], told["struck"]) == (result.pk, True, ["ET", "TC", "WT"])
    assert (told["flags"][0]["reason"], told["flags"][0]["by"]) == ("ventricle", "user-radiologist")
    second = client.post(f"/api/flags/{flagged.json()['id']}/opinions/", {"agrees": True})
    assert (second.status_code, "another reader" in second.json()["detail"]) == (409, True)
    undone = client.post(f"/api/flags/{flagged.json()['id']}/undo/")
    assert (undone.status_code, undone.json()["undone_by"]) == (200, "user-radiologist")
    assert client.post(f"/api/results/{result.pk}/acceptance/").status_code == 201
    told = client.get(f"/api/studies/{STUDY_UID}/").json()["result"]
    assert (told["flagged"], told["reviewed_by"]) == (False, ["user-radiologist"])
    assert len(client.get(f"/api/results/{result.pk}/flags/").json()) == 1
    assert client.delete(f"/api/results/{result.pk}/acceptance/").status_code == 204


def test_a_verdict_that_makes_no_sense_is_refused_with_words(client_of: ClientOf) -> None:
    result = make_result()
    client = client_of("radiologist")
    flags = f"/api/results/{result.pk}/flags/"
    assert client.post(flags, {"reason": "ugly"}).status_code == 400
    assert client.post(flags, {"reason": "motion", "compartment": "XX"}).status_code == 400
    answer = client.post(flags, {"reason": "other"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "Say in words what is wrong.")
    assert client.post("/api/results/99999/flags/", {"reason": "motion"}).status_code == 404
    assert client.post("/api/flags/99999/undo/").status_code == 404
