"""Rows that an installation of an earlier version holds, brought to what this one expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.apps.registry import Apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = "0008_series_seen", "0009_objects_of_results"
MADE_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def at(name: str) -> Apps:
    """Bring the tables to a migration; the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([("review", name)])
    executor.loader.build_graph()
    return executor.loader.project_state([("review", name)]).apps


@pytest.fixture
def old() -> Iterator[Apps]:
    """The tables as they were before results had a row for each object; brought back to the present at the end."""
    present = MigrationExecutor(connection).loader.graph.leaf_nodes("review")[0][1]
    yield at(BEFORE)
    at(present)


def make_result(apps: Apps, number: int) -> object:
    study = apps.get_model("review", "Study").objects.create(
        study_uid=f"1.2.{number}", orthanc_id=f"o{number}"
    )
    job = apps.get_model("review", "Job").objects.create(
        study=study, series_key="k", chosen={}, model_name="m", model_version="1", phase="unknown"
    )
    return apps.get_model("review", "Result").objects.create(
        job=job, study=study, model_name="m", model_version="1", model_is_demo=True, phase="unknown",
        seg_sop_uid=f"1.9.{number}.1", seg_series_uid=f"1.9.{number}.2",
        sr_sop_uid=f"1.9.{number}.3", sr_series_uid=f"1.9.{number}.4", t1ce_series_uid="1.3", created_at=MADE_AT,
    )  # fmt: skip


def test_seg_and_sr_of_old_results_get_a_row_each_and_deliveries_keep_their_state(old: Apps) -> None:
    delivered, undelivered = make_result(old, 1), make_result(old, 2)
    deliveries = old.get_model("review", "Delivery").objects
    deliveries.create(result=delivered, modality="PACS", state="sent", tries=2, sent_at=MADE_AT)
    deliveries.create(result=delivered, modality="VNA", state="failed", tries=9, error="It does not answer.")
    now = at(AFTER)
    objects = now.get_model("review", "ResultObject").objects
    assert list(
        objects.order_by("pk").values_list("result_id", "kind", "sop_uid", "series_uid", "made_at")
    ) == [
        (delivered.pk, "SEG", "1.9.1.1", "1.9.1.2", MADE_AT),
        (delivered.pk, "SR", "1.9.1.3", "1.9.1.4", MADE_AT),
        (undelivered.pk, "SEG", "1.9.2.1", "1.9.2.2", MADE_AT),
        (undelivered.pk, "SR", "1.9.2.3", "1.9.2.4", MADE_AT),
    ]
    kept = now.get_model("review", "Delivery").objects.order_by("destination", "item__pk")
    fields = ("destination", "item__kind", "state", "tries", "sent_at", "error", "refusals")
    assert list(kept.values_list(*fields)) == [
        ("PACS", "SEG", "sent", 2, MADE_AT, "", 0),
        ("PACS", "SR", "sent", 2, MADE_AT, "", 0),
        ("VNA", "SEG", "failed", 9, None, "It does not answer.", 0),
        ("VNA", "SR", "failed", 9, None, "It does not answer.", 0),
    ]
    assert set(kept.values_list("item__result_id", flat=True)) == {delivered.pk}
