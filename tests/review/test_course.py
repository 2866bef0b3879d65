"""The course of a patient: read from the rows, changed through the API, never stale."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from orthanc.types import MeasuredRegion
from review.course_facts import PatientKey, VisitState, WarningKind
from review.longitudinal import timeline_of
from review.models import AuditAction, AuditEntry, Flag, Measurement, Result, Study, TreatmentEvent
from review.patients import key_of
from review.report_facts import facts_of, prior_of
from review.response_types import Category, Measure
from review.roles import UserRole
from review.services_of_course import link_patients
from tests.review.factories import make_job, make_result, make_study
from tests.review.test_api import client_of

pytestmark = pytest.mark.django_db
FIRST = date(2024, 3, 4)


def make_visit(days: int, enhancing_ml: str, uid: str = "", **fields: Any) -> Result:
    values = {"study_date": FIRST + timedelta(days=days), **fields}
    study = make_study(uid or f"1.2.{days}", **values)
    result = make_result(make_job(study, series_key=f"k{study.study_uid}"))
    ml = Decimal(enhancing_ml)
    Measurement.objects.filter(result=result, compartment=MeasuredRegion.ENHANCING_TUMOUR).update(
        ml=ml, low_ml=ml * Decimal("0.9"), high_ml=ml * Decimal("1.1")
    )
    return result


@pytest.fixture
def visits() -> list[Result]:
    return [make_visit(0, "20.00"), make_visit(72, "4.00"), make_visit(151, "8.00")]


@pytest.fixture
def patient(visits: list[Result]) -> PatientKey:
    return key_of(visits[0].study)


def treat(patient: PatientKey) -> None:
    for kind, days in {"surgery": 4, "radiotherapy_start": 23, "radiotherapy_end": 44}.items():
        TreatmentEvent.objects.create(
            **TreatmentEvent.columns_of(patient), kind=kind, on=FIRST + timedelta(days=days), by="ray"
        )


def categories(patient: PatientKey) -> list[Category]:
    return [one.category for one in timeline_of(patient).volumetric]


def test_a_course_without_events_says_what_is_missing(patient: PatientKey) -> None:
    timeline = timeline_of(patient)
    assert {one.category for one in timeline.volumetric} == {Category.NOT_EVALUABLE}
    assert any("radiotherapy" in words for words in timeline.missing)


def test_a_treated_course_is_read_from_its_baseline(patient: PatientKey) -> None:
    treat(patient)
    assert categories(patient) == [Category.NOT_RATED, Category.BASELINE, Category.PROGRESSION]
    latest = timeline_of(patient).latest
    assert latest is not None
    assert latest.ratio_to_nadir == pytest.approx(2.0)
    assert latest.probability_of_noise is not None
    assert latest.probability_of_noise < 0.001


def test_a_flag_changes_the_answer_at_once_and_undone_brings_it_back(
    patient: PatientKey, visits: list[Result]
) -> None:
    treat(patient)
    flag = Flag.objects.create(result=visits[1], reason=Flag.Reason.MOTION, by="ray")
    assert categories(patient) == [Category.NOT_RATED, Category.BASELINE]
    assert [one.state for one in timeline_of(patient).visits][1] == VisitState.FLAGGED
    Flag.objects.filter(pk=flag.pk).update(undone_at=timezone.now(), undone_by="ray")
    assert categories(patient) == [Category.NOT_RATED, Category.BASELINE, Category.PROGRESSION]


def test_a_flag_on_enhancement_alone_leaves_the_visit_without_an_answer(
    patient: PatientKey, visits: list[Result]
) -> None:
    treat(patient)
    Flag.objects.create(result=visits[2], compartment="ET", reason=Flag.Reason.MISSED, by="ray")
    assert categories(patient)[2] == Category.NOT_EVALUABLE


def test_a_changed_date_changes_the_order(patient: PatientKey, visits: list[Result]) -> None:
    treat(patient)
    Study.objects.filter(pk=visits[2].study_id).update(study_date=FIRST + timedelta(days=50))
    assert [one.category for one in timeline_of(patient).volumetric] == [
        Category.NOT_RATED, Category.BASELINE, Category.STABLE
    ]  # fmt: skip


def test_diameters_that_nobody_measured_give_no_answer(patient: PatientKey) -> None:
    treat(patient)
    assert timeline_of(patient).bidirectional[2].category == Category.NOT_EVALUABLE
    assert timeline_of(patient).bidirectional[2].measure == Measure.BIDIRECTIONAL


def test_the_later_scan_of_a_day_speaks_and_the_other_is_shown(patient: PatientKey) -> None:
    make_visit(151, "9.00", uid="1.2.999", study_time=time(15, 0))
    timeline = timeline_of(patient)
    states = {one.study_uid: one.state for one in timeline.visits}
    assert (states["1.2.151"], states["1.2.999"]) == (VisitState.SAME_DAY, VisitState.COUNTED)
    assert WarningKind.SAME_DAY in {one.kind for one in timeline.warnings}


def test_odd_identities_are_said_and_nothing_is_merged(patient: PatientKey, visits: list[Result]) -> None:
    Study.objects.filter(pk=visits[1].study_id).update(patient_sex="M", patient_birth_date=date(1960, 1, 1))
    Study.objects.filter(pk=visits[0].study_id).update(patient_sex="F", patient_birth_date=date(1961, 1, 1))
    Study.objects.filter(pk__in=[one.study_id for one in visits[1:]]).update(accession_number="A1")
    make_visit(30, "5.00", uid="1.2.77", patient_id="OTHER")
    make_visit(31, "5.00", uid="1.2.78", patient_id="")
    timeline = timeline_of(patient)
    assert {one.kind for one in timeline.warnings} == {
        WarningKind.SEX, WarningKind.BIRTH_DATE, WarningKind.SAME_ACCESSION
    }  # fmt: skip
    assert len(timeline.visits) == 3
    alone = timeline_of(key_of(Study.objects.get(study_uid="1.2.78")))
    assert [one.kind for one in alone.warnings] == [WarningKind.NO_PATIENT_ID]


def test_a_course_of_thirty_visits_takes_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    results = [make_visit(30 * number, "5.00") for number in range(30)]
    with django_assert_max_num_queries(10):
        assert len(timeline_of(key_of(results[0].study)).volumetric) == 30


EVENT = {"kind": "surgery", "on": "2024-03-08"}


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("radiologist", 201), ("admin", 201), ("service", 201), (None, 403)]
)
def test_viewers_may_not_enter_events(role: str | None, status: int, patient: PatientKey) -> None:
    assert client_of(role).post("/api/patients/1.2.0/events/", EVENT, format="json").status_code == status


@pytest.mark.parametrize("role", UserRole)
def test_every_role_reads_the_course(role: str, patient: PatientKey) -> None:
    treat(patient)
    answer = client_of(role).get("/api/patients/1.2.72/timeline/").json()
    assert [one["category"] for one in answer["volumetric"]] == ["not rated", "baseline", "PD"]
    assert answer["visits"][2]["volumes"]["ET"] == {"ml": 8.0, "low_ml": 7.2, "high_ml": 8.8}
    assert len(answer["events"]) == 3


def test_a_study_that_never_came_is_not_found(patient: PatientKey) -> None:
    client = client_of("radiologist")
    assert client.get("/api/patients/9.9/timeline/").status_code == 404
    assert client.post("/api/patients/9.9/events/", EVENT, format="json").status_code == 404
    assert client.delete("/api/events/12345/").status_code == 404


def test_an_event_is_corrected_and_removed_and_all_of_it_is_on_record(patient: PatientKey) -> None:
    client = client_of("radiologist")
    first = client.post("/api/patients/1.2.0/events/", EVENT, format="json").json()
    second = client.put(f"/api/events/{first['id']}/", {**EVENT, "on": "2024-03-09"}, format="json").json()
    assert [one["on"] for one in client.get("/api/patients/1.2.151/events/").json()] == ["2024-03-09"]
    assert client.delete(f"/api/events/{second['id']}/").status_code == 204
    assert client.get("/api/patients/1.2.0/events/").json() == []
    assert TreatmentEvent.objects.count() == 2
    noted = AuditEntry.objects.filter(action=AuditAction.EVENT_CHANGED).order_by("pk")
    assert [one.details["what"] for one in noted] == ["added", "removed", "added", "removed"]


def test_an_event_of_another_kind_does_not_keep_the_value_of_the_old_one(patient: PatientKey) -> None:
    client = client_of("radiologist")
    dose = {"kind": "steroid_dose", "on": "2024-03-08", "dose_mg": 4, "note": "wrong kind"}
    first = client.post("/api/patients/1.2.0/events/", dose, format="json").json()
    answer = client.put(f"/api/events/{first['id']}/", EVENT, format="json")
    assert answer.status_code == 200
    assert (answer.json()["kind"], answer.json()["dose_mg"]) == ("surgery", None)


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        ({"kind": "steroid_dose", "on": "2024-03-08"}, 409, "needs its dose_mg"),
        ({"kind": "clinical_status", "on": "2024-03-08"}, 409, "needs its status"),
        ({"kind": "surgery", "on": "2024-03-08", "dose_mg": 4}, 409, "has no dose_mg"),
        ({"kind": "surgery", "on": "2999-01-01"}, 409, "future"),
        ({"kind": "surgery", "on": "yesterday"}, 400, ""),
        ({"kind": "magic", "on": "2024-03-08"}, 400, ""),
        ({"kind": "steroid_dose", "on": "2024-03-08", "dose_mg": -1}, 400, ""),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_with_the_reason(
    event: dict[str, object], status: int, words: str, patient: PatientKey
) -> None:
    answer = client_of("radiologist").post("/api/patients/1.2.0/events/", event, format="json")
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert not TreatmentEvent.objects.exists()


def test_a_person_chooses_profile_and_baseline(patient: PatientKey) -> None:
    client = client_of("radiologist")
    asked = {"setting": "recurrent", "profile": "rano-2.0-idh-mutant", "baseline": "1.2.72"}
    assert client.put("/api/patients/1.2.0/reading/", asked, format="json").status_code == 200
    timeline = timeline_of(patient)
    assert timeline.profile.name == "rano-2.0-idh-mutant"
    assert timeline.volumetric[1].category == Category.BASELINE
    make_visit(5, "1.00", uid="1.2.55", patient_id="OTHER")
    answer = client.put("/api/patients/1.2.0/reading/", {**asked, "baseline": "1.2.55"}, format="json")
    assert (answer.status_code, "this patient" in answer.json()["detail"]) == (409, True)


def test_viewers_may_not_change_the_reading(patient: PatientKey) -> None:
    answer = client_of("viewer").put("/api/patients/1.2.0/reading/", {"setting": "recurrent"}, format="json")
    assert answer.status_code == 403


def test_idh_mutation_of_the_diagnosis_chooses_the_profile(patient: PatientKey) -> None:
    event = {"kind": "diagnosis", "on": "2024-03-08", "idh": "mutant", "note": "Astrocytoma, grade 3"}
    client_of("service").post("/api/patients/1.2.0/events/", event, format="json")
    timeline = timeline_of(patient)
    assert (timeline.profile.name, timeline.facts.diagnosis) == (
        "rano-2.0-idh-mutant",
        "Astrocytoma, grade 3",
    )


def test_an_admin_links_two_ids_and_unlinks_them_again(patient: PatientKey) -> None:
    treat(patient)
    make_visit(200, "9.00", uid="1.2.55", patient_id="OTHER")
    admin = client_of("admin")
    link = admin.post("/api/patients/1.2.0/links/", {"other_study_uid": "1.2.55"}, format="json").json()
    for key in (patient, PatientKey("OTHER")):
        timeline = timeline_of(key)
        assert [one.category for one in timeline.volumetric][1:] == ["baseline", "PD", "PD"]
        assert WarningKind.LINKED_IDS in {one.kind for one in timeline.warnings}
    again = admin.post("/api/patients/1.2.55/links/", {"other_study_uid": "1.2.72"}, format="json")
    assert again.status_code == 409
    assert [one["id"] for one in admin.get("/api/patients/1.2.55/links/").json()] == [link["id"]]
    assert admin.delete(f"/api/links/{link['id']}/").status_code == 204
    assert admin.delete(f"/api/links/{link['id']}/").status_code == 404
    assert len(timeline_of(patient).visits) == 3
    assert timeline_of(PatientKey("OTHER")).events == ()
    noted = AuditEntry.objects.filter(action=AuditAction.IDENTITY_LINKED).order_by("pk")
    assert [one.details["what"] for one in noted] == ["linked", "unlinked"]


def test_links_reach_over_others(patient: PatientKey) -> None:
    make_visit(200, "9.00", uid="1.2.55", patient_id="B")
    make_visit(230, "9.00", uid="1.2.56", patient_id="C")
    admin = client_of("admin")
    for one, other in (("1.2.0", "1.2.55"), ("1.2.55", "1.2.56")):
        address = f"/api/patients/{one}/links/"
        assert admin.post(address, {"other_study_uid": other}, format="json").status_code == 201
    assert [one.patient_id for one in timeline_of(PatientKey("C")).patients] == ["C", "B", "PAT-7"]


@pytest.mark.parametrize("role", ["viewer", "radiologist", "service", None])
def test_only_admins_link(role: str | None, patient: PatientKey) -> None:
    make_visit(200, "9.00", uid="1.2.55", patient_id="OTHER")
    client = client_of(role)
    asked = {"other_study_uid": "1.2.55"}
    assert client.post("/api/patients/1.2.0/links/", asked, format="json").status_code == 403
    assert client.get("/api/patients/1.2.0/links/").status_code == 403
    assert client.delete("/api/links/1/").status_code == 403
    assert len(timeline_of(patient).visits) == 3


def test_the_report_compares_with_the_visit_before_also_under_a_linked_id(visits: list[Result]) -> None:
    other = make_visit(-30, "11.00", uid="1.2.88", patient_id="OTHER")
    assert prior_of(Result.objects.get(pk=visits[0].pk)) is None
    link_patients(key_of(visits[0].study), key_of(other.study), by="ada")
    assert prior_of(Result.objects.get(pk=visits[0].pk)) == other
    Flag.objects.create(result=other, compartment="ET", reason=Flag.Reason.MOTION, by="ray")
    told = facts_of(Result.objects.get(pk=visits[0].pk), "en")["volumes"]
    assert {one["code"] for one in told if one["prior_ml"]} == {"ED", "NC"}
