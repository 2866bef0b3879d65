"""The pages without a browser: who gets in, what stands there, and what a poll answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client

from frontend.pages.worklist import Query
from frontend.permissions import PAGE_POLICY
from review.models import IntakeProblem, Result, Series, Study
from tests.review import factories

UID = factories.STUDY_UID
LogIn = Callable[[str], Client]

READ = ["/", "/worklist/rows/", "/problems/", f"/studies/{UID}/", f"/studies/{UID}/live/", f"/panel/{UID}/",
        f"/panel/{UID}/live/", f"/viewer/{UID}/roles.json"]  # fmt: skip
WORK = ["/upload/"]


@pytest.fixture
def done(db: None) -> Study:
    result = factories.make_result()
    Study.objects.filter(pk=result.study_id).update(study_date=date(2026, 1, 10), description="MRI BRAIN")
    return Study.objects.get(pk=result.study_id)


@pytest.mark.parametrize("address", [*READ, *WORK, "/system/", f"/viewer/{UID}/"])
def test_strangers_are_asked_to_log_in(client: Client, db: None, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("role", ["viewer", "radiologist", "admin"])
@pytest.mark.parametrize("address", READ)
def test_every_reader_sees_studies(as_role: LogIn, done: Study, role: str, address: str) -> None:
    answer = as_role(role).get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY


@pytest.mark.parametrize("address", [*READ, *WORK])
def test_an_account_without_a_role_sees_nothing(as_role: LogIn, done: Study, address: str) -> None:
    answer = as_role("nobody").get(address)
    assert answer.status_code == 403
    assert "PAT-7" not in answer.content.decode()


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("radiologist", 200), ("admin", 200)])
def test_only_workers_upload(as_role: LogIn, role: str, status: int) -> None:
    assert as_role(role).get("/upload/").status_code == status


def test_a_viewer_neither_sees_nor_has_the_button_to_try_again(as_role: LogIn, done: Study) -> None:
    Study.objects.update(state=Study.State.FAILED, reason="T1CE: image 14 is cut off.")
    viewer = as_role("viewer")
    page = viewer.get("/").content.decode()
    assert "T1CE: image 14 is cut off." in page
    assert "Try again" not in page
    assert "Try again" in as_role("radiologist").get("/").content.decode()
    assert viewer.post(f"/studies/{UID}/retry/").status_code == 403


def test_the_worklist_shows_volumes_as_stored_with_their_intervals(as_role: LogIn, done: Study) -> None:
    page = as_role("viewer").get("/").content.decode()
    for text in ("Doe, Jane", "PAT-7", "2026-01-10", "30.20", "25.10 to 36.00", "9.30", "6.80", "demo"):
        assert text in page


def test_the_worklist_filters_by_state_and_search_and_counts_all(as_role: LogIn, done: Study) -> None:
    factories.make_study("1.2.99", patient_name="Miller^Arthur", state=Study.State.WAITING)
    client = as_role("viewer")
    assert "Miller" not in client.get("/worklist/rows/?show=done").content.decode()
    waiting = client.get("/worklist/rows/?show=waiting").content.decode()
    assert "Miller" in waiting
    assert "Doe" not in waiting
    found = client.get("/worklist/rows/?q=arthur").content.decode()
    assert "Miller" in found
    assert "Doe" not in found
    assert "No study fits" in client.get("/?q=nobody").content.decode()


def test_odd_addresses_of_the_worklist_fall_back_to_the_default(as_role: LogIn, done: Study) -> None:
    answer = as_role("viewer").get("/", {"page": "-3x", "order": "'; drop", "show": "zzz", "q": "%')"})
    assert answer.status_code == 200


def test_a_query_survives_its_address() -> None:
    from django.http import QueryDict

    query = Query(search="doe jane", tab="done", order="patient", page=3)
    assert Query.read(QueryDict(query.address()[1:])) == query


def test_an_empty_worklist_says_what_to_do(as_role: LogIn) -> None:
    assert "No study has come in yet" in as_role("viewer").get("/").content.decode()


def test_a_poll_that_has_seen_this_state_gets_no_body(as_role: LogIn, done: Study) -> None:
    client = as_role("viewer")
    first = client.get("/worklist/rows/")
    seen = first.headers["X-Fragment"]
    again = client.get("/worklist/rows/", {"seen": seen})
    assert (again.status_code, again.content) == (204, b"")
    done.move(Study.State.FAILED, "Something else")
    changed = client.get("/worklist/rows/", {"seen": seen})
    assert changed.status_code == 200
    assert "Something else" in changed.content.decode()


def test_the_study_page_says_why_each_series_was_or_was_not_taken(as_role: LogIn, done: Study) -> None:
    Series.objects.create(study=done, series_uid="1.5.1", description="AX T1 POST", role="T1CE",
                          role_confidence=0.97, role_reason="agent Gadavist", is_chosen=True)  # fmt: skip
    Series.objects.create(study=done, series_uid="1.5.2", description="LOC", choice_reason="localiser")
    page = as_role("viewer").get(f"/studies/{UID}/").content.decode()
    for text in ("agent Gadavist", "97 %", "localiser", "30.20", "A demo model.", f"/api/studies/{UID}/"):
        assert text in page


def test_text_of_a_header_is_never_markup(as_role: LogIn, done: Study) -> None:
    Study.objects.update(patient_name="<script>alert(1)</script>^X", description="<b>x", reason="<i>why")
    client = as_role("viewer")
    for address in ("/", f"/studies/{UID}/", f"/panel/{UID}/"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<b>x" not in page
        assert "<i>why" not in page


def test_an_unknown_study_is_a_404_page(as_role: LogIn) -> None:
    client = as_role("viewer")
    for address in ("/studies/1.2.3/", "/panel/1.2.3/", "/viewer/1.2.3/roles.json"):
        assert client.get(address).status_code == 404


def test_the_panel_shows_numbers_model_and_warnings(as_role: LogIn, done: Study) -> None:
    page = as_role("viewer").get(f"/panel/{UID}/").content.decode()
    for text in (
        "30.20",
        "25.10 to 36.00",
        "Demonstration model",
        "demo",
        "Research use, not a medical device",
    ):
        assert text in page
    assert 'data-jump="1,2,3"' in page
    assert 'data-eye="3"' in page


def test_the_panel_of_a_study_without_result_says_why(as_role: LogIn) -> None:
    factories.make_study(state=Study.State.WAITING, reason="No FLAIR series yet.")
    page = as_role("viewer").get(f"/panel/{UID}/").content.decode()
    assert "No FLAIR series yet." in page
    assert "data-jump" not in page


def test_roles_are_those_of_the_chosen_series_then_the_likeliest(as_role: LogIn, done: Study) -> None:
    for uid, role, sure, chosen in (
        ("1.5.1", "T1CE", 0.8, True),
        ("1.5.2", "T1CE", 0.99, False),
        ("1.5.3", "FLAIR", 0.6, False),
        ("1.5.4", "FLAIR", 0.9, False),
        ("1.5.5", "none", 1.0, False),
    ):
        Series.objects.create(study=done, series_uid=uid, role=role, role_confidence=sure, is_chosen=chosen)
    facts = as_role("viewer").get(f"/viewer/{UID}/roles.json").json()
    assert facts["roles"] == {"1.5.1": "T1CE", "1.5.4": "FLAIR"}
    assert facts["seg_series_uid"] == "1.9.2"


def test_the_stable_address_of_the_images_leads_to_the_viewer(as_role: LogIn, done: Study) -> None:
    answer = as_role("viewer").get(f"/viewer/{UID}/")
    assert answer.headers["Location"] == f"/ohif/viewer?StudyInstanceUIDs={UID}"


def test_the_system_page_tells_what_is_wrong(as_role: LogIn, settings: object) -> None:
    settings.ORTHANC_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    page = as_role("viewer").get("/system/").content.decode()
    assert "Silent" in page
    assert "trouble" in page
    assert "None runs" in page


def test_files_that_could_not_be_taken_are_listed_and_announced(as_role: LogIn) -> None:
    IntakeProblem.objects.create(name="notes.txt", source="upload", reason="Not a DICOM file.")
    client = as_role("viewer")
    assert "1 file could not be taken" in client.get("/").content.decode()
    page = client.get("/problems/").content.decode()
    assert "notes.txt" in page
    assert "Not a DICOM file." in page


def test_the_log_in_page_names_the_product_and_what_it_is_not(client: Client, db: None) -> None:
    page = client.get("/login/").content.decode()
    assert "Glioma review" in page
    assert "not a medical device" in page


def test_a_wrong_password_is_said_and_a_right_one_leads_back(
    client: Client, accounts: dict[str, object]
) -> None:
    wrong = client.post("/login/", {"username": "viewer", "password": "x", "next": "/system/"})
    assert "do not fit together" in wrong.content.decode()
    right = client.post(
        "/login/", {"username": "viewer", "password": "correct horse battery", "next": "/system/"}
    )
    assert right.headers["Location"] == "/system/"
    abroad = client.post(
        "/login/",
        {"username": "viewer", "password": "correct horse battery", "next": "https://evil.example/"},
    )
    assert abroad.headers["Location"] == "/"


def test_the_panel_and_the_worklist_show_trust_and_lesions(as_role: LogIn, done: Study) -> None:
    lesion = {
        "number": 1, "enhancing_ml": 8.5, "nonenhancing_core_ml": 2.0, "oedema_ml": 20.0,
        "centre_mm_lps": [10.0, -5.0, 30.0], "long_diameter_mm": 27.4, "perpendicular_diameter_mm": 18.2,
        "n_slices": 6, "is_measurable": True, "hemisphere": "left", "lobe": "temporal",
    }  # fmt: skip
    values = {
        "trust": 0.83,
        "trust_low": 0.65,
        "trust_high": 0.93,
        "trust_grade": "check",
        "lesions": [lesion],
    }
    Result.objects.filter(study=done).update(**values)
    panel = as_role("viewer").get(f"/panel/{UID}/").content.decode()
    assert "0.65 to 0.93" in panel
    assert "27 × 18" in panel
    assert "left, temporal" in panel
    assert "trust-check" in as_role("viewer").get("/").content.decode()
