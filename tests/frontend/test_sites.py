"""Accounts that are limited to sites: one row of the table for every address that could show another site's patient."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from orthanc.client import OrthancClient
from review.api_tokens import make_token
from review.models import (
    Alert,
    AuditAction,
    AuditEntry,
    BrokenGlass,
    Correction,
    Delivery,
    IntakeProblem,
    PermittedSite,
    ResultObject,
    Study,
    TreatmentEvent,
)
from review.services_of_review import flag_as_poor
from review.site_access import SiteAccessError, known_sites, set_sites
from review.site_scope import current_scope
from tests.frontend.conftest import SegmentedStudy
from tests.frontend.test_access_table import TABLE
from tests.review import factories

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]
HIDDEN, SEEN = "1.9.7", factories.STUDY_UID
NAME = "Zzyzx"
NOTHING_OF_A_STUDY = {
    # A redirect to the viewer, whose every further question is refused.
    "viewer/<str:study_uid>/",
    # One's own: a saved view.
    "worklist/views/<int:view_id>/remove/",
}
BODIES = {
    # Well-formed, so that a refusal is one of the patient and not of the form.
    "api/studies/<str:study_uid>/reports/": {"result": 1, "template_version": 1, "text": "x"},
    "api/patients/<str:study_uid>/events/": {"kind": "surgery", "on": "2026-01-01"},
    "api/flags/<int:flag_id>/opinions/": {"agrees": True, "text": ""},
    "api/results/<int:result_id>/flags/": {"reason": "motion"},
    "api/patients/<str:study_uid>/reading/": {"setting": "recurrent", "profile": "", "baseline": None},
}
LIMITED = ("viewer", "radiologist", "service")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Everything that there can be of a patient of another site."""

    study: Study
    numbers: dict[str, int]


@pytest.fixture
def elsewhere(accounts: dict[str, User]) -> Elsewhere:
    """A patient of the south; the accounts but the admin's see the north."""
    day = timezone.localdate()
    factories.make_result(
        factories.make_job(
            factories.make_study(SEEN, institution="North", study_date=day, patient_id="PAT-1")
        )
    )
    study = factories.make_study(
        HIDDEN, institution="South", study_date=day, patient_id="PAT-2", patient_name=f"{NAME}^Zoe"
    )
    job = factories.make_job(study, series_key="k2")
    result = factories.make_result(job)
    flag = flag_as_poor(result, compartment="ET", reason="motion", by="ann", text=NAME)
    item = ResultObject.objects.create(result=result, kind="SEG", sop_uid="1.9.8", series_uid="1.9.9")
    delivery = Delivery.objects.create(item=item, destination="PACS", state=Delivery.State.FAILED)
    event = TreatmentEvent.objects.create(kind="surgery", on=day, patient_id="PAT-2", by="ann")
    corrected = factories.make_job(study, series_key="k3")
    correction = Correction.objects.create(result=result, job=corrected, by="ann")
    Study.objects.filter(pk=study.pk).update(state="done", current_result=result, current_job=job)
    Alert.objects.create(study=study, kind=Alert.Kind.FAILED, text=NAME)
    IntakeProblem.objects.create(name=NAME, source="pacs", reason="broken", study=study)
    for name in LIMITED:
        set_sites(accounts[name], [("institution", "North")], by="admin")
    numbers = {
        "<int:key>": study.pk, "<int:result_id>": result.pk, "<int:flag_id>": flag.pk,
        "<int:delivery_id>": delivery.pk, "<int:event_id>": event.pk, "<int:correction_id>": correction.pk,
    }  # fmt: skip
    return Elsewhere(study, numbers)


def address_of(pattern: str, elsewhere: Elsewhere) -> str:
    words = {
        "<str:study_uid>": HIDDEN,
        "<str:prior_uid>": HIDDEN,
        "(?P<path>.*?)/?$": f"studies/{HIDDEN}/series",
    }
    for place, value in {**elsewhere.numbers, **words}.items():
        pattern = pattern.replace(place, str(value))
    return f"/{pattern}"


@pytest.mark.parametrize("role", LIMITED)
def test_no_address_of_any_method_opens_or_names_a_patient_of_another_site(
    as_role: LogIn, elsewhere: Elsewhere, role: str
) -> None:
    client, wrong = as_role(role), {}
    for pattern, methods in TABLE.items():
        address = address_of(pattern, elsewhere)
        is_of_it = address != f"/{pattern}" and pattern not in NOTHING_OF_A_STUDY
        for method, roles in methods.items():
            if role not in roles or (method == "post" and "dicom" in pattern and "result" not in pattern):
                continue
            body = (
                {"data": BODIES.get(pattern, {}), "content_type": "application/json"}
                if method != "get"
                else {}
            )
            answer = getattr(client, method)(address, **body)
            if is_of_it and answer.status_code != 404:
                wrong[f"{method} {pattern}"] = str(answer.status_code)
            if NAME.encode() in b"".join(answer):
                wrong[f"{method} {pattern}"] = "names the patient"
    assert wrong == {}


def test_the_same_addresses_open_for_who_is_not_limited(
    as_role: LogIn, accounts: dict[str, User], elsewhere: Elsewhere
) -> None:
    set_sites(accounts["viewer"], [], by="admin")
    client = as_role("viewer")
    named = 0
    for pattern, methods in TABLE.items():
        if "viewer" in methods.get("get", ()) and not re.search("dicom|compare|cohort", pattern):
            answer = client.get(address_of(pattern, elsewhere))
            assert answer.status_code in {200, 302, 404}, pattern
            named += NAME.encode() in b"".join(answer)
    assert named >= 12


def test_a_limited_reader_sees_the_whole_course_of_the_patients_of_the_site(
    as_role: LogIn, elsewhere: Elsewhere
) -> None:
    factories.make_study("1.5", institution="South", study_date=date(2020, 1, 1), patient_id="PAT-1")
    client = as_role("viewer")
    assert client.get("/studies/1.5/").status_code == 200
    page = client.get("/").content.decode()
    assert "Patients of North" in page
    assert [one["study_uid"] for one in client.get("/api/studies/").json()["results"]] == ["1.5", SEEN]


def test_a_token_is_limited_like_its_account_and_the_next_request_is_not(
    accounts: dict[str, User], client: Client, elsewhere: Elsewhere
) -> None:
    _, text = make_token(accounts["service"], "export", by="admin")
    asked = {"Authorization": f"Token {text}"}
    assert client.get(f"/api/studies/{HIDDEN}/", headers=asked).status_code == 404
    assert client.get(f"/api/studies/{SEEN}/", headers=asked).status_code == 200
    assert current_scope() is None
    assert Study.objects.count() == 2


def test_an_emergency_opens_one_patient_with_a_reason_for_a_while_and_is_audited(
    as_role: LogIn, elsewhere: Elsewhere
) -> None:
    client = as_role("radiologist")
    closed = client.get(f"/studies/{HIDDEN}/")
    assert f"/break-glass/?study={HIDDEN}" in closed.content.decode()
    assert client.post("/break-glass/", {"wanted": HIDDEN, "reason": "  x "}).status_code == 400
    assert (
        client.post("/break-glass/", {"wanted": "PAT", "reason": "stroke call at night"}).status_code == 400
    )
    assert not BrokenGlass.objects.exists()
    opened = client.post("/break-glass/", {"wanted": "PAT-2", "reason": "stroke call at night"})
    assert opened.headers["Location"] == f"/studies/{HIDDEN}/"
    assert "emergency access: PAT-2 until" in client.get(f"/studies/{HIDDEN}/").content.decode()
    line = AuditEntry.objects.get(action=AuditAction.GLASS_BROKEN)
    assert (line.by, line.patient_id, line.details["reason"]) == (
        "radiologist",
        "PAT-2",
        "stroke call at night",
    )
    assert (
        "stroke call at night"
        in as_role("admin").get(f"/administration/users/{_pk('radiologist')}/").content.decode()
    )
    BrokenGlass.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert client.get(f"/studies/{HIDDEN}/").status_code == 404
    assert as_role("viewer").get(f"/studies/{HIDDEN}/").status_code == 404


def _pk(name: str) -> int:
    return User.objects.get(username=name).pk


def test_an_admin_ticks_sites_of_a_closed_list_on_the_page_of_the_account(
    as_role: LogIn, accounts: dict[str, User], elsewhere: Elsewhere
) -> None:
    Study.objects.filter(study_uid=SEEN).update(calling_aet="SCANNER1")
    admin, address = as_role("admin"), f"/administration/users/{_pk('viewer')}/"
    assert 'value="calling_aet:SCANNER1"' in admin.get(address).content.decode()
    admin.post(address, {"role": ["viewer"], "site": ["calling_aet:SCANNER1"]})
    assert [str(one) for one in PermittedSite.objects.filter(user=accounts["viewer"])] == [
        "Sender (AE title) SCANNER1"
    ]
    assert as_role("viewer").get(f"/studies/{SEEN}/").status_code == 200
    page = admin.post(address, {"role": ["radiologist"], "site": ["institution:Mars"]}, follow=True)
    assert "No study came from Mars." in page.content.decode()
    assert accounts["viewer"].groups.get().name == "viewer"
    assert as_role("admin").get(f"/studies/{HIDDEN}/").status_code == 200  # who administers sees every site
    with pytest.raises(SiteAccessError):
        set_sites(accounts["viewer"], [("institution", "")], by="admin")
    assert known_sites() == [("calling_aet", "SCANNER1"), ("institution", "North"), ("institution", "South")]


@pytest.mark.stack
def test_images_and_searches_for_them_stay_within_the_sites(
    as_role: LogIn, accounts: dict[str, User], orthanc: OrthancClient, segmented_study: SegmentedStudy
) -> None:
    uid = segmented_study.study.study_uid
    Study.objects.filter(study_uid=uid).update(institution="South")
    factories.make_study("1.4", institution="North", patient_id="PAT-1")
    set_sites(accounts["viewer"], [("institution", "North")], by="admin")
    limited = as_role("viewer")
    ways = (f"studies/{uid}/series", f"studies/{uid}/metadata")
    assert [limited.get(f"/dicomweb/{way}").status_code for way in ways] == [404, 404]
    for search in ("studies", f"studies?StudyInstanceUID={uid}", "studies?PatientID=PAT-5"):
        assert limited.get(f"/dicomweb/{search}").json() == []
    set_sites(accounts["viewer"], [("institution", "South")], by="admin")
    found = as_role("viewer").get(f"/dicomweb/studies?StudyInstanceUID={uid}").json()
    assert [one["0020000D"]["Value"] for one in found] == [[uid]]
    assert as_role("viewer").get(f"/dicomweb/studies/{uid}/series").status_code == 200
