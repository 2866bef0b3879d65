"""What the pages say of waits, gates, findings, alerts and superseded results; series chosen by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from review.intake import record_study
from review.models import Alert, Job, Result, Study
from tests.review import factories

UID = factories.STUDY_UID
LogIn = Callable[[str], Client]
GATES = [
    {"name": "brain_volume", "value": 1312.5, "unit": "ml", "low": 700.0, "high": 2200.0, "passed": True,
     "message": "The brain is as large as brains are."},
    {"name": "snr t2", "value": 3.21, "unit": "", "low": 5.0, "high": None, "passed": False,
     "message": "T2 is noisy."},
]  # fmt: skip


@pytest.fixture
def done(db: None) -> Result:
    finding = {"code": "metastasis", "words": "“BRAIN METS” speaks of metastases: not validated for that."}
    return factories.make_result(gates=GATES, not_validated=[finding])


@pytest.mark.parametrize("address", [f"/studies/{UID}/", f"/panel/{UID}/"])
def test_gates_with_limits_and_findings_stand_beside_the_volumes(
    as_role: LogIn, done: Result, address: str
) -> None:
    page = as_role("viewer").get(address).content.decode()
    for text in (
        "1 of 2 gates passed",
        "Brain volume",
        "Signal to noise, T2",
        "T2 is noisy.",
        "3.21",
        "5 or more",
        "700 to 2200",
        "1312",
    ):
        assert text in page
    assert "Not validated for this." in page
    assert "speaks of metastases" in page


def test_the_worklist_shows_why_a_study_waits_until_when_and_what_was_not_validated(
    as_role: LogIn, done: Result
) -> None:
    deadline = timezone.now() + timedelta(hours=3)
    factories.make_study(
        "1.2.77", state=Study.State.WAITING, reason="Missing FLAIR: none seen.", wait_deadline=deadline
    )
    page = as_role("viewer").get("/").content.decode()
    assert "Missing FLAIR: none seen." in page
    assert f"until {deadline:%Y-%m-%d %H:%M}" in page
    assert "Not validated for this" in page


def test_a_superseded_result_stays_on_the_study_page(as_role: LogIn, done: Result) -> None:
    newer = Job.objects.create(
        study=done.study, series_key="k2", chosen={}, model_name="demo", model_version="2", phase="unknown"
    )
    factories.make_result(newer)
    page = as_role("viewer").get(f"/studies/{UID}/").content.decode()
    assert "Earlier results" in page
    assert "superseded" in page


def test_alerts_stand_on_the_system_page(as_role: LogIn, done: Result) -> None:
    Alert.objects.create(study=done.study, kind=Alert.Kind.INCOMPLETE, text="Missing FLAIR. Waited 24 h.")
    page = as_role("viewer").get("/system/").content.decode()
    assert "Missing FLAIR. Waited 24 h." in page
    assert f"/studies/{UID}/" in page


@pytest.fixture
def two_contrasts(db: None, settings: object, tmp_path_factory: pytest.TempPathFactory) -> Study:
    factories.default_rule()
    record_study(factories.study_header(*factories.FOUR, factories.THIN_T1CE))
    return Study.objects.get()


def test_all_series_are_listed_with_their_evidence_to_those_who_may_choose(
    as_role: LogIn, two_contrasts: Study
) -> None:
    assert as_role("viewer").get(f"/studies/{UID}/series/").status_code == 403
    page = as_role("radiologist").get(f"/studies/{UID}/series/").content.decode()
    for series in two_contrasts.series.all():
        assert series.description in page
        assert series.role_reason.split(",")[0][:12] in page
    assert page.count("As guessed") == 4


def test_a_chosen_series_is_used_and_says_who_chose_it(as_role: LogIn, two_contrasts: Study) -> None:
    client = as_role("radiologist")
    answer = client.post(f"/studies/{UID}/series/", {"T1CE": factories.T1CE.series_uid}, follow=True)
    assert "These series are used now." in answer.content.decode()
    two_contrasts.refresh_from_db()
    assert two_contrasts.current_job.chosen["T1CE"]["series_uid"] == factories.T1CE.series_uid
    assert "chosen by radiologist" in client.get(f"/studies/{UID}/series/").content.decode()


def test_a_choice_that_cannot_be_is_refused_on_the_page(as_role: LogIn, two_contrasts: Study) -> None:
    same = factories.T1.series_uid
    answer = as_role("radiologist").post(f"/studies/{UID}/series/", {"T1": same, "T2": same}, follow=True)
    assert "One series cannot fill two roles." in answer.content.decode()
    assert not two_contrasts.overrides.exists()
