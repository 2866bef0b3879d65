"""What the API takes and says of series named by hand, gates, findings and alerts."""

from __future__ import annotations

import pytest

from review.intake import record_study
from review.models import Alert, SeriesOverride, Study
from tests.review import factories
from tests.review.test_api import client_of

pytestmark = pytest.mark.django_db
ADDRESS = f"/api/studies/{factories.STUDY_UID}/series-roles/"


@pytest.fixture
def study(model: object, sent: list[str]) -> Study:
    factories.default_rule()
    record_study(factories.study_header(*factories.FOUR, factories.THIN_T1CE))
    return Study.objects.get()


def test_series_are_named_over_the_api(study: Study) -> None:
    answer = client_of("radiologist").put(ADDRESS, {"T1CE": factories.T1CE.series_uid}, format="json")
    assert answer.status_code == 202
    assert [(one["role"], one["series_uid"]) for one in answer.json()["overrides"]] == [
        ("T1CE", factories.T1CE.series_uid)
    ]
    assert len(answer.json()["jobs"]) == 2


def test_a_viewer_names_nothing(study: Study) -> None:
    assert client_of("viewer").put(ADDRESS, {}, format="json").status_code == 403


def test_what_cannot_be_is_a_conflict_with_words(study: Study) -> None:
    answer = client_of("radiologist").put(ADDRESS, {"T1": "9.9"}, format="json")
    assert answer.status_code == 409
    assert "no series 9.9" in answer.json()["detail"]
    assert not SeriesOverride.objects.exists()


def test_gates_findings_and_alerts_are_told(study: Study) -> None:
    gate = {
        "name": "snr t2",
        "value": 3.0,
        "unit": "",
        "low": 5.0,
        "high": None,
        "passed": False,
        "message": "m",
    }
    finding = {"code": "paediatric", "words": "The patient is 4 years old."}
    factories.make_result(study.current_job, gates=[gate], not_validated=[finding])
    Alert.objects.create(study=study, kind=Alert.Kind.FAILED, text="No brain.")
    client = client_of("viewer")
    result = client.get(f"/api/studies/{factories.STUDY_UID}/").json()["result"]
    assert (result["gates"], result["not_validated"]) == ([gate], [finding])
    (alert,) = client.get("/api/alerts/").json()["results"]
    assert (alert["text"], alert["study_uid"]) == ("No brain.", factories.STUDY_UID)
