"""The patients' pages without a browser: who is listed, what counts, and that every number is the stored one."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from frontend.permissions import PAGE_POLICY
from review.models import AuditEntry, Flag, IdentityLink, Measurement, Result, Study, TreatmentEvent
from review.services_of_review import flag_as_poor
from tests.review import factories

LogIn = Callable[[str], Client]


def make_visit(number: int, on: date | None, enhancing_ml: str = "6.80", **fields: Any) -> Result:
    """A study with a result whose enhancing tumour is known."""
    study = factories.make_study(f"1.2.826.{number}", study_date=on, **fields)
    result = factories.make_result(factories.make_job(study))
    ml = Decimal(enhancing_ml)
    Measurement.objects.filter(result=result, compartment="ET").update(ml=ml, low_ml=ml / 2, high_ml=ml * 2)
    return result


@pytest.fixture
def course(db: None) -> list[Result]:
    """Three visits: before surgery, after it, and with recurrence."""
    days = (date(2026, 1, 10), date(2026, 3, 2), date(2026, 6, 1))
    return [
        make_visit(n, day, ml) for n, (day, ml) in enumerate(zip(days, ("6.80", "0.40", "2.10"), strict=True))
    ]


def address(result: Result, end: str = "") -> str:
    return f"/patients/{result.study_id}/{end}"


def curve_of(client: Client, result: Result) -> dict[str, Any]:
    page = client.get(address(result)).content.decode()
    found = re.search(r'<script id="curve-data" type="application/json">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("end", ["", "live/", "volumes.csv"])
def test_a_patient_is_for_readers_only(
    client: Client, as_role: LogIn, course: list[Result], end: str
) -> None:
    assert client.get(address(course[0], end)).headers["Location"].startswith("/login/")
    assert as_role("nobody").get(address(course[0], end)).status_code == 403
    answer = as_role("viewer").get(address(course[0], end))
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == PAGE_POLICY


def test_the_list_is_for_readers_only(client: Client, as_role: LogIn, course: list[Result]) -> None:
    assert client.get("/patients/").headers["Location"].startswith("/login/")
    assert as_role("nobody").get("/patients/").status_code == 403


def test_visits_of_one_id_are_one_patient_and_studies_without_id_stay_apart(
    as_role: LogIn, course: list[Result]
) -> None:
    make_visit(7, date(2026, 2, 2), patient_id="", patient_name="Nobody^A")
    make_visit(8, date(2026, 2, 3), patient_id="", patient_name="Nobody^B")
    make_visit(9, date(2026, 2, 4), patient_id_issuer="OTHER", patient_name="Doe^John")
    page = as_role("viewer").get("/patients/").content.decode()
    assert page.count("<tr tabindex") == 4
    row = re.search(rf'id="patient-{course[0].study_id}".*?</tr>', page, re.DOTALL)
    assert row is not None
    assert '<td class="num">3</td>' in row[0]
    assert "2026-01-10" in row[0]
    assert "2026-06-01" in row[0]
    assert 'data-ml="2.10"' in row[0]


def test_a_search_finds_by_words_of_name_id_or_accession_number(as_role: LogIn, course: list[Result]) -> None:
    make_visit(7, date(2026, 2, 2), patient_id="X-1", patient_name="Roe^Rita", accession_number="A-77")
    viewer = as_role("viewer")
    for words in ("rita roe", "X-1", "A-77"):
        page = viewer.get("/patients/", {"q": words}).content.decode()
        assert "Roe, Rita" in page
        assert "Doe, Jane" not in page
    assert "No patient fits" in viewer.get("/patients/", {"q": "zzz"}).content.decode()


def test_curve_table_and_csv_give_the_stored_numbers_in_the_order_of_time(
    as_role: LogIn, course: list[Result]
) -> None:
    viewer = as_role("viewer")
    visits = curve_of(viewer, course[2])["visits"]
    assert [visit["date"] for visit in visits] == ["2026-01-10", "2026-03-02", "2026-06-01"]
    assert [visit["volumes"]["ET"]["ml"] for visit in visits] == ["6.80", "0.40", "2.10"]
    page = viewer.get(address(course[0])).content.decode()
    assert re.findall(r'data-region="ET" data-ml="([\d.]+)"', page) == ["6.80", "0.40", "2.10"]
    rows = list(csv.DictReader(viewer.get(address(course[0], "volumes.csv")).content.decode().splitlines()))
    assert [(row["ET_ml"], row["ET_low_ml"], row["ET_high_ml"], row["ET_counts"]) for row in rows] == [
        ("6.80", "3.40", "13.60", "yes"),
        ("0.40", "0.20", "0.80", "yes"),
        ("2.10", "1.05", "4.20", "yes"),
    ]
    assert [row["WT_ml"] for row in rows] == ["30.20"] * 3


def test_a_flagged_mask_counts_nowhere_and_a_flagged_region_takes_along_what_shares_its_voxels(
    as_role: LogIn, course: list[Result]
) -> None:
    Flag.objects.create(result=course[2], reason=Flag.Reason.MISSED, by="radiologist")
    Flag.objects.create(result=course[1], reason=Flag.Reason.MOTION, by="radiologist", compartment="ET")
    viewer = as_role("viewer")
    first, second, third = curve_of(viewer, course[0])["visits"]
    assert (first["is_counted"], second["is_counted"], third["is_counted"]) == (True, True, False)
    assert third["why"] == "Flagged: Missed tumour."
    assert second["struck"] == ["ET", "TC", "WT"]
    # The list speaks of the last result that counts: the second, whose ET is struck.
    page = viewer.get("/patients/").content.decode()
    assert "data-ml" not in page
    rows = list(csv.DictReader(viewer.get(address(course[0], "volumes.csv")).content.decode().splitlines()))
    assert [(row["state"], row["ET_counts"], row["ED_counts"]) for row in rows] == [
        ("counts", "yes", "yes"),
        ("counts", "no", "yes"),
        ("flagged", "no", "no"),
    ]


def test_the_smallest_enhancing_tumour_is_marked_among_those_that_count(
    as_role: LogIn, course: list[Result]
) -> None:
    viewer = as_role("viewer")
    assert [visit["marks"] for visit in curve_of(viewer, course[0])["visits"]] == [[], ["Smallest ET"], []]
    Flag.objects.create(result=course[1], reason=Flag.Reason.MISSED, by="radiologist")
    assert [visit["marks"] for visit in curve_of(viewer, course[0])["visits"]] == [[], [], ["Smallest ET"]]


def test_a_flag_that_was_taken_back_lets_the_point_count_again(as_role: LogIn, course: list[Result]) -> None:
    Flag.objects.create(
        result=course[2],
        reason=Flag.Reason.MISSED,
        by="radiologist",
        undone_by="admin",
        undone_at=timezone.now(),
    )
    assert all(visit["is_counted"] for visit in curve_of(as_role("viewer"), course[0])["visits"])


def test_a_superseded_result_stays_as_a_point_that_does_not_count(
    as_role: LogIn, course: list[Result]
) -> None:
    study = course[1].study
    factories.make_result(factories.make_job(study, series_key="k2"))
    visits = curve_of(as_role("viewer"), course[0])["visits"]
    assert [visit["state"] for visit in visits] == ["counts", "superseded", "counts", "counts"]


def test_a_visit_without_result_or_date_is_in_the_table_with_the_reason(
    as_role: LogIn, course: list[Result]
) -> None:
    factories.make_study(
        "1.2.9", study_date=date(2026, 7, 1), state=Study.State.FAILED, reason="T1CE: image 14 is cut off."
    )
    make_visit(5, None)
    viewer = as_role("viewer")
    assert len(curve_of(viewer, course[0])["visits"]) == 3
    page = viewer.get(address(course[0])).content.decode()
    assert "T1CE: image 14 is cut off." in page
    assert "The study has no date." in page


def test_a_poll_sends_the_table_only_when_it_changed(as_role: LogIn, course: list[Result]) -> None:
    viewer = as_role("viewer")
    seen = viewer.get(address(course[0], "live/")).headers["X-Fragment"]
    assert viewer.get(address(course[0], "live/"), {"seen": seen}).status_code == 204
    Flag.objects.create(result=course[2], reason=Flag.Reason.MISSED, by="radiologist")
    assert viewer.get(address(course[0], "live/"), {"seen": seen}).status_code == 200


def test_who_saw_a_patient_and_who_took_the_numbers_away_is_on_record(
    as_role: LogIn, course: list[Result]
) -> None:
    viewer = as_role("viewer")
    viewer.get(address(course[0]))
    viewer.get(address(course[0], "volumes.csv"))
    entries = AuditEntry.objects.filter(study_uid=course[0].study.study_uid, by="viewer").order_by("pk")
    assert [entry.action for entry in entries] == ["viewed", "exported"]


def test_an_unknown_patient_is_a_page_that_says_so(as_role: LogIn, db: None) -> None:
    assert as_role("viewer").get("/patients/999999/").status_code == 404


@pytest.mark.django_db
def test_thirty_visits_take_as_many_queries_as_three(
    as_role: LogIn, course: list[Result], django_assert_max_num_queries: Any
) -> None:
    for number in range(27):
        make_visit(100 + number, date(2026, 7, 1 + number))
    viewer = as_role("viewer")
    viewer.get(address(course[0]))
    with django_assert_max_num_queries(20):
        viewer.get(address(course[0]))


TREATMENT = {"surgery": "2026-01-15", "radiotherapy_start": "2026-02-01", "radiotherapy_end": "2026-02-20"}


def treat(patient_id: str = "PAT-7") -> None:
    for kind, on in TREATMENT.items():
        TreatmentEvent.objects.create(patient_id=patient_id, kind=kind, on=on, by="ray")


def test_the_page_shows_the_suggested_response_with_its_reasoning(
    as_role: LogIn, course: list[Result]
) -> None:
    client = as_role("viewer")
    assert "No treatment is entered" in client.get(address(course[0])).content.decode()
    treat()
    page = client.get(address(course[0])).content.decode()
    assert re.findall(r'data-response="[^"]*">([^<]*)</b>', page) == ["not rated", "baseline", "PD"]
    assert "ratio 5.250" in page
    assert "a clinician decides" in page


def test_baseline_nadir_treatment_and_the_arithmetic_are_in_the_curve(
    as_role: LogIn, course: list[Result]
) -> None:
    treat()
    data = curve_of(as_role("viewer"), course[0])
    assert [visit["marks"] for visit in data["visits"]] == [[], ["Baseline", "Nadir"], []]
    assert [visit["response"] for visit in data["visits"]] == ["", "base", "PD"]
    first, second, *others = data["visits"][2]["arithmetic"]
    assert first.startswith("Since the nadir of 2026-03-02: +1.70 mL (")
    assert second.startswith("+425 % (")
    assert second.endswith("; PD from +40 %")
    assert others[0] == "Suggested: PD"
    assert others[1] == "Chance that noise alone explains it: less than 0.1 %"
    assert [lane["name"] for lane in data["treatment"]] == ["Surgery", "Radiotherapy"]
    assert data["caution"] == [{"from": "2026-02-20", "to": "2026-05-15"}]
    assert {name: one["date"] for name, one in data["origins"].items()} == {
        "first": "2026-01-10", "surgery": "2026-01-15", "radiotherapy": "2026-02-20",
    }  # fmt: skip


def test_a_visit_below_the_nadir_is_the_new_nadir(as_role: LogIn, course: list[Result]) -> None:
    treat()
    make_visit(50, date(2026, 8, 1), "0.10")
    marks = [visit["marks"] for visit in curve_of(as_role("viewer"), course[0])["visits"]]
    assert marks == [[], ["Baseline"], [], ["Nadir"]]


def test_csv_and_api_give_the_same_numbers_and_answers_as_the_page(
    as_role: LogIn, course: list[Result]
) -> None:
    treat()
    client = as_role("viewer")
    rows = list(csv.DictReader(client.get(address(course[0], "volumes.csv")).content.decode().splitlines()))
    told = client.get(f"/api/patients/{course[0].study.study_uid}/timeline/").json()
    drawn = curve_of(client, course[0])["visits"]
    page = client.get(address(course[0])).content.decode()
    for row, visit, point, answer in zip(rows, told["visits"], drawn, told["volumetric"], strict=True):
        for region in ("ET", "TC", "WT", "ED"):
            assert float(row[f"{region}_ml"]) == visit["volumes"][region]["ml"]
            assert row[f"{region}_ml"] == point["volumes"][region]["ml"]
            assert row[f"{region}_low_ml"] == point["volumes"][region]["low_ml"]
        assert row["suggested_response"] == answer["category"]
    assert float(rows[2]["ratio_to_nadir"]) == pytest.approx(told["volumetric"][2]["ratio_to_nadir"])
    assert f"+{rows[2]['since_nadir_ml']} mL" in page
    assert rows[2]["preliminary"] == "no"
    assert [row["marks"] for row in rows] == ["", "Baseline, Nadir", ""]


def test_linked_ids_are_one_curve_table_and_file(as_role: LogIn, course: list[Result]) -> None:
    other = make_visit(60, date(2026, 7, 1), "3.30", patient_id="OTHER-9")
    client = as_role("admin")
    assert len(curve_of(client, other)["visits"]) == 1
    IdentityLink.objects.create(patient_id="PAT-7", other_id="OTHER-9", by="admin")
    for result in (course[0], other):
        assert [visit["date"][5:7] for visit in curve_of(client, result)["visits"]] == [
            "01",
            "03",
            "06",
            "07",
        ]
        page = client.get(address(result)).content.decode()
        assert "Visits of linked patient IDs are shown together" in page
        assert "ID OTHER-9" in page
    rows = list(csv.DictReader(client.get(address(other, "volumes.csv")).content.decode().splitlines()))
    assert [row["patient_id"] for row in rows] == ["PAT-7"] * 3 + ["OTHER-9"]


def test_odd_identities_are_shown_with_their_studies(as_role: LogIn, course: list[Result]) -> None:
    for result, born, number in zip(course, ("1960-01-01", "1960-01-01", "1961-01-01"), "AAB", strict=True):
        Study.objects.filter(pk=result.study_id).update(patient_birth_date=born, accession_number=number)
    make_visit(70, date(2026, 6, 1), "5.00", study_time="18:00")
    page = as_role("viewer").get(address(course[0])).content.decode()
    identity = page[page.index("identity-title") : page.index("visits-title")]
    assert "tell different birth dates: 1960-01-01, 1961-01-01" in identity
    assert "One accession number (A) has 2 studies" in identity
    assert "One day (2026-06-01) has 2 studies" in identity
    assert f"/studies/{course[2].study.study_uid}/" in identity
    assert "A later scan of the same day speaks for it." in page


def test_who_entered_and_who_removed_an_event_is_told(as_role: LogIn, course: list[Result]) -> None:
    treat()
    TreatmentEvent.objects.filter(kind="surgery").update(removed_by="rita", removed_at=timezone.now())
    page = as_role("viewer").get(address(course[0])).content.decode()
    assert "Removed or corrected (1)" in page
    assert "2026-01-15, Surgery: entered by ray, taken out by rita" in page
    assert page.count("data-event=") == 2


def test_only_who_may_enter_events_is_offered_the_forms(as_role: LogIn, course: list[Result]) -> None:
    treat()
    for role, offered in (("viewer", False), ("radiologist", True), ("admin", True)):
        page = as_role(role).get(address(course[0])).content.decode()
        assert ("event-dialog" in page, "data-event-remove" in page) == (offered, offered)


def test_a_text_that_a_spreadsheet_would_run_is_made_harmless(as_role: LogIn) -> None:
    result = make_visit(1, date(2026, 1, 1), patient_id="=1+1")
    answer = as_role("viewer").get(address(result, "volumes.csv")).content.decode()
    assert next(csv.DictReader(answer.splitlines()))["patient_id"] == "'=1+1"


def test_a_course_in_which_nothing_counts_says_what_an_answer_needs(as_role: LogIn) -> None:
    result = make_visit(1, None)
    page = as_role("viewer").get(address(result)).content.decode()
    assert "No visit counts yet: an answer needs a dated study" in page


def flagged_throughout() -> list[Result]:
    visits = [make_visit(n, date(2026, 1, 1) + timedelta(days=40 * n)) for n in range(3)]
    for one in visits:
        flag_as_poor(one, reason=Flag.Reason.MOTION, by="ann")
    return visits


def nothing_at_all() -> list[Result]:
    """Volumes of zero at every visit, as after a resection without residue."""
    visits = [make_visit(n, date(2026, 1, 1) + timedelta(days=40 * n), "0.00") for n in range(3)]
    Measurement.objects.update(ml=0, low_ml=0, high_ml=0)
    return visits


ODD_COURSES: dict[str, tuple[Callable[[], list[Result]], str]] = {
    "one visit": (lambda: [make_visit(1, date(2026, 1, 1))], "6.80"),
    "all flagged": (flagged_throughout, "No visit counts yet"),
    "zero volumes": (nothing_at_all, "0.00"),
    "no dates": (lambda: [make_visit(n, None) for n in range(3)], "The study has no date."),
    "some without a date": (
        lambda: [make_visit(1, date(2026, 1, 1)), make_visit(2, None)],
        "is left out of the course",
    ),
    "odd name": (
        lambda: [
            make_visit(
                1,
                date(2026, 1, 1),
                patient_name="=cmd|' /C calc'!A0^<b>$x$</b>",
                description='"><script>$\\x$',
            )
        ],
        "cmd|&#x27; /C calc&#x27;!A0, &lt;b&gt;$x$&lt;/b&gt;",
    ),
}


@pytest.mark.parametrize("course_of", ODD_COURSES)
def test_page_poll_files_and_film_strip_hold_whatever_the_course_is(as_role: LogIn, course_of: str) -> None:
    make, words = ODD_COURSES[course_of]
    visits, client = make(), as_role("radiologist")
    treat()
    page = client.get(address(visits[0]))
    assert page.status_code == 200
    assert words in page.content.decode()
    assert not {"<script>$", "<b>$"} & set(re.findall(r"<\w+>\$", page.content.decode()))
    assert client.get(address(visits[0], "live/")).status_code == 200
    rows = list(csv.DictReader(client.get(address(visits[0], "volumes.csv")).content.decode().splitlines()))
    assert len(rows) == len(visits)
    assert not any(value.startswith(("=", "@")) for row in rows for value in row.values())
    strip = client.get(address(visits[0], "film/"))
    assert strip.status_code == 200
    assert "No visit of this patient has images and a mask" in strip.content.decode()
