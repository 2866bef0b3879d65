"""The pixels decide which of two series is which where headers leave it open, and warn where headers seem wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import SimpleITK as sitk

from orthanc.types import Role, SeriesHeader
from review.intake import record_study
from review.look import ExchangedSeriesError, check_roles_by_content
from review.models import Job, Series, Study
from tests.orthanc.test_content import image_of
from tests.review.factories import FLAIR, T1, T1CE, T2, default_rule, study_header

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model")]

# Nothing but the order in time tells these two apart, which is no proof.
FIRST = replace(T1, description="AX T1", acquisition_time="090000", series_date_time="20240115090000")
SECOND = replace(FIRST, series_uid="1.2.99", orthanc_id="s-99", series_number=99, acquisition_time="093000")


def images(**shown: Role) -> dict[str, sitk.Image]:
    """By role, an image of what is shown in its place (by default of the role itself)."""
    roles = {"T1": Role.T1, "T1CE": Role.T1CE, "T2": Role.T2, "FLAIR": Role.FLAIR, **shown}
    return {role: image_of(look, number) for number, (role, look) in enumerate(roles.items())}


def job_of(*series: SeriesHeader) -> Job:
    default_rule()
    record_study(study_header(*series))
    claimed = Job.objects.claim(Job.Stage.PREPARE, "me", 60)
    assert claimed is not None
    return claimed


def uid_chosen(job: Job, role: Role) -> str:
    return str(job.chosen[role]["series_uid"])


def test_pixels_that_agree_make_an_open_pair_sure() -> None:
    job = job_of(FIRST, SECOND, T2, FLAIR)
    assert check_roles_by_content(job, images()) == ()
    seen = Series.objects.get(series_uid=SECOND.series_uid)
    assert (seen.seen_role, seen.role_confidence) == ("T1CE", 0.8)
    assert "seen in the images" in seen.role_reason
    assert Job.objects.count() == 1


def test_pixels_that_disagree_with_an_open_pair_exchange_it_in_a_new_job() -> None:
    job = job_of(FIRST, SECOND, T2, FLAIR)
    assert uid_chosen(job, Role.T1CE) == SECOND.series_uid
    with pytest.raises(ExchangedSeriesError, match="T1 and T1CE are the other way round"):
        check_roles_by_content(job, images(T1=Role.T1CE, T1CE=Role.T1))
    job.fail("exchanged")
    study = Study.objects.get()
    assert study.current_job is not None
    assert study.current_job != job
    assert uid_chosen(study.current_job, Role.T1CE) == FIRST.series_uid
    assert study.state == Study.State.QUEUED


def test_what_was_seen_holds_when_the_study_is_announced_again_until_its_images_change() -> None:
    job = job_of(FIRST, SECOND, T2, FLAIR)
    with pytest.raises(ExchangedSeriesError):
        check_roles_by_content(job, images(T1=Role.T1CE, T1CE=Role.T1))
    again = record_study(study_header(FIRST, SECOND, T2, FLAIR))
    assert uid_chosen(again.current_job, Role.T1CE) == FIRST.series_uid
    assert Job.objects.count() == 2
    more = replace(FIRST, instances_digest="d-more", n_images=FIRST.n_images + 1)
    record_study(study_header(more, SECOND, T2, FLAIR))
    assert Series.objects.get(series_uid=FIRST.series_uid).seen_role == ""


def test_where_neither_headers_nor_pixels_tell_the_reader_is_asked() -> None:
    job = job_of(FIRST, SECOND, T2, FLAIR)
    alike = image_of(Role.T1, 0)
    (warning,) = check_roles_by_content(job, {**images(), "T1": alike, "T1CE": alike})
    assert "Neither headers nor images" in warning
    assert f"series {SECOND.series_number}" in warning
    assert Series.objects.get(series_uid=SECOND.series_uid).seen_role == ""


def test_headers_that_are_sure_are_kept_and_the_reader_is_warned() -> None:
    job = job_of(T1, T1CE, T2, FLAIR)
    (warning,) = check_roles_by_content(job, images(T2=Role.FLAIR, FLAIR=Role.T2))
    assert "T2" in warning
    assert "may be exchanged" in warning
    assert Job.objects.count() == 1


def test_a_usual_study_is_neither_warned_of_nor_changed() -> None:
    job = job_of(T1, T1CE, T2, FLAIR)
    assert check_roles_by_content(job, images()) == ()
    assert not Series.objects.exclude(seen_role="").exists()
