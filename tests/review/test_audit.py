"""The audit log: nothing in it can be changed or removed, and what people do is in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from orthanc.types import Role
from review import services
from review.audit import AuditQuery, csv_rows, record, record_view, record_view_of
from review.intake import record_study
from review.models import AppendOnlyError, AuditAction, AuditEntry, RoutingRule
from tests.review import factories

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_line_says_who_did_what_with_which_study_and_patient() -> None:
    record(AuditAction.FLAGGED, "rita", study=factories.make_study(), reason="left_right")
    line = AuditEntry.objects.get()
    assert (line.action, line.by, line.study_uid, line.patient_id) == (
        "flagged",
        "rita",
        factories.STUDY_UID,
        "PAT-7",
    )
    assert line.details == {"reason": "left_right"}


def test_the_models_neither_change_nor_remove_a_line() -> None:
    line = record(AuditAction.EXPORTED, "rita", patient_id="PAT-7")
    for refused in (
        line.save,
        line.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(by="x"),
        lambda: AuditEntry.objects.bulk_update([line], ["by"]),
    ):
        with pytest.raises(AppendOnlyError):
            refused()
    assert AuditEntry.objects.get().by == "rita"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review_auditentry SET by = 'nobody'",
        "DELETE FROM review_auditentry",
        "TRUNCATE review_auditentry",
    ],
)
def test_postgresql_itself_refuses_to_change_or_remove_a_line(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE review_auditentry ENABLE TRIGGER audit_is_never_emptied")
    record(AuditAction.VIEWED, "rita")
    with pytest.raises(ProgrammingError, match="only added to"), transaction.atomic():
        connection.cursor().execute(statement)
    assert AuditEntry.objects.get().by == "rita"


def test_looking_at_a_study_for_long_is_one_line_per_person_and_ten_minutes() -> None:
    study = factories.make_study()
    for _ in range(3):
        record_view("rita", study)
        record_view_of("rita", study.study_uid)
    cache.clear()  # another process
    record_view("rita", study)
    record_view("vera", study)
    assert sorted(AuditEntry.objects.values_list("by", flat=True)) == ["rita", "vera"]


def test_looking_again_later_is_another_line() -> None:
    study = factories.make_study()
    AuditEntry.objects.create(
        action=AuditAction.VIEWED,
        by="rita",
        study_uid=study.study_uid,
        at=timezone.now() - timedelta(minutes=11),
    )
    record_view("rita", study)
    assert AuditEntry.objects.count() == 2


def test_images_of_an_unknown_study_leave_no_line() -> None:
    record_view_of("rita", "1.2.3")
    assert not AuditEntry.objects.exists()


def test_log_in_log_out_and_a_failed_log_in_are_lines() -> None:
    User.objects.create_user("rita", password="correct horse battery")
    client = Client()
    client.post("/login/", {"username": "rita", "password": "wrong"})
    client.post("/login/", {"username": "rita", "password": "correct horse battery"})
    client.post("/logout/")
    assert actions() == ["login_failed", "logged_in", "logged_out"]
    assert set(AuditEntry.objects.values_list("by", flat=True)) == {"rita"}
    assert all(line.details["address"] == "127.0.0.1" for line in AuditEntry.objects.all())


def test_what_was_typed_for_a_name_is_kept_only_where_it_is_one() -> None:
    Client().post("/login/", {"username": "my-secret-password", "password": "x"})
    line = AuditEntry.objects.get()
    assert (line.by, line.details) == ("", {"known_account": False, "address": "127.0.0.1"})


def test_a_change_in_the_administration_is_a_line() -> None:
    user = User.objects.create_user("ada")
    rule = RoutingRule.objects.create(name="Tumour board")
    LogEntry.objects.log_actions(user.pk, [rule], CHANGE, "order", single_object=True)
    line = AuditEntry.objects.get()
    assert (line.action, line.by, line.details["object"]) == ("administered", "ada", "Tumour board")


def test_choosing_series_is_a_line_with_the_series(model: object, sent: list[str]) -> None:
    study = record_study(factories.study_header(*factories.FOUR, factories.THIN_T1CE))
    services.assign_series(study, {Role.T1CE: factories.T1CE.series_uid}, by="rita")
    line = AuditEntry.objects.get()
    assert (line.action, line.by, line.details) == (
        "series_chosen",
        "rita",
        {"roles": {"T1CE": factories.T1CE.series_uid}},
    )


def test_the_log_is_searched_by_action_person_patient_and_day() -> None:
    record(AuditAction.VIEWED, "rita", patient_id="PAT-1")
    record(AuditAction.EXPORTED, "vera", patient_id="PAT-2")
    today = timezone.localdate()

    def found(**asked: object) -> list[str]:
        return [line.by for line in AuditQuery(**asked).entries()]

    assert found() == ["vera", "rita"]
    assert found(action="viewed") == ["rita"]
    assert found(by="VER") == ["vera"]
    assert found(about="PAT-1") == ["rita"]
    assert found(first_day=today, last_day=today) == ["vera", "rita"]
    assert found(last_day=today - timedelta(days=1)) == []


def test_the_rows_of_the_export_hold_everything() -> None:
    record(AuditAction.EXPORTED, "rita", patient_id="PAT-2", what="cohort", rows=3)
    row = next(csv_rows(AuditQuery().entries()))
    assert row[1:] == ("rita", "exported", "", "PAT-2", "rows: 3; what: cohort")
