"""The audit page and its export, and the pages that leave a line behind them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.test import Client

from review.audit import record
from review.models import AuditAction, AuditEntry
from tests.frontend.conftest import SegmentedStudy
from tests.review import factories

LogIn = Callable[[str], Client]
UID = factories.STUDY_UID


@pytest.mark.parametrize("address", ["/audit/", "/audit/export.csv"])
@pytest.mark.parametrize(
    ("role", "status"),
    [("viewer", 403), ("radiologist", 403), ("service", 403), ("nobody", 403), ("admin", 200)],
)
def test_only_admins_see_the_log(as_role: LogIn, role: str, status: int, address: str) -> None:
    assert as_role(role).get(address).status_code == status


@pytest.mark.parametrize("address", ["/audit/", "/audit/export.csv"])
def test_strangers_are_asked_to_log_in(client: Client, db: None, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/login/")


@pytest.mark.parametrize("address", [f"/studies/{UID}/", f"/panel/{UID}/", f"/api/studies/{UID}/"])
def test_looking_at_a_study_leaves_one_line(as_role: LogIn, address: str) -> None:
    factories.make_result()
    viewer = as_role("viewer")
    for _ in range(3):
        assert viewer.get(address).status_code == 200
    line = AuditEntry.objects.get(action=AuditAction.VIEWED)
    assert (line.by, line.patient_id) == ("viewer", "PAT-7")


def test_reading_images_leaves_one_line(as_role: LogIn, segmented_study: SegmentedStudy) -> None:
    viewer = as_role("viewer")
    for part in ("series", "metadata"):
        answer = viewer.get(f"/dicomweb/studies/{segmented_study.study.study_uid}/{part}")
        assert answer.status_code == 200
        assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert AuditEntry.objects.get(action=AuditAction.VIEWED).by == "viewer"


def test_the_page_shows_the_lines_that_fit(as_role: LogIn) -> None:
    record(AuditAction.EXPORTED, "rita", patient_id="PAT-1")
    record(AuditAction.FLAGGED, "vera", study=factories.make_study(), reason="<b>bad</b>")
    page = as_role("admin").get("/audit/", {"action": "flagged"}).content.decode()
    assert "vera" in page
    assert "rita" not in page
    assert "<b>bad" not in page


@pytest.mark.parametrize(
    "asked", [{"first": "2026-02-31"}, {"first": "x", "page": "z"}, {"by": "x" * 500, "action": "?"}]
)
def test_filters_without_sense_are_left_out(as_role: LogIn, asked: dict[str, str]) -> None:
    assert as_role("admin").get("/audit/", asked).status_code == 200


def test_the_export_holds_the_lines_that_fit_and_is_a_line_itself(as_role: LogIn) -> None:
    record(AuditAction.VIEWED, "rita", patient_id='=HYPERLINK("x")')
    record(AuditAction.RETRIED, "vera")
    answer = as_role("admin").get("/audit/export.csv", {"by": "rita"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["by"], row["action"], row["patient_id"]) for row in rows] == [
        ("rita", "viewed", '\'=HYPERLINK("x")')
    ]
    assert AuditEntry.objects.filter(action=AuditAction.EXPORTED, by="admin").count() == 1
