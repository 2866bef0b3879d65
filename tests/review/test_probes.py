"""What machines ask: alive, ready, and Prometheus' figures; and log lines as JSON."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from review import readiness
from review.log_lines import JsonLine, at_work_on
from review.models import Job, WorkerBeat
from review.models.settings import FollowerState
from tests.review import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def all_well(orthanc: OrthancClient, settings: DjangoSettings, tmp_path: Path) -> Path:
    """Orthanc answers, follower and workers beat, the storage can be written; gives the storage."""
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    settings.ARTEFACTS_DIR.mkdir()
    FollowerState.load().beat("")
    WorkerBeat.beat("host:1", ["cpu"])
    WorkerBeat.beat("host:2", ["gpu"])
    return settings.ARTEFACTS_DIR


def test_alive_needs_nothing_but_the_process() -> None:
    answer = Client().get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_ready_when_every_part_is_there(client: Client, all_well: Path) -> None:
    answer = client.get("/ready")
    assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})


@pytest.mark.parametrize("queue", ["cpu", "gpu"])
def test_not_ready_without_workers(client: Client, all_well: Path, queue: str) -> None:
    WorkerBeat.objects.filter(queues=[queue]).delete()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert [name for name, said in answer.json().items() if said != "ok"] == [f"workers_{queue}"]


def test_not_ready_with_a_silent_follower(client: Client, all_well: Path) -> None:
    FollowerState.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=1))
    assert client.get("/ready").json()["follower"] == "not"


def test_not_ready_when_the_storage_is_gone(client: Client, all_well: Path) -> None:
    (all_well / ".ready").unlink(missing_ok=True)
    all_well.rmdir()
    assert client.get("/ready").json()["storage"] == "not"


def test_not_ready_says_no_more_than_not(client: Client, all_well: Path, settings: DjangoSettings) -> None:
    settings.ORTHANC_PASSWORD = "wrong"
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["orthanc"] == "not"
    assert set(answer.json().values()) == {"ok", "not"}


def test_not_ready_when_the_database_is_away(
    client: Client, all_well: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(readiness, "system_health", away)
    monkeypatch.setattr(readiness.connection, "close", lambda: None)
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["database"] == "not"


def figures(client: Client, **headers: str) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics", **headers).content.decode()
    return {
        (sample.name, *(words for _, words in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_count_studies_queues_outcomes_and_durations(client: Client, all_well: Path) -> None:
    result = factories.make_result()
    Job.objects.filter(pk=result.job_id).update(
        finished_at=timezone.now(), seconds={"prepare": 40.0, "infer": 20.0}
    )
    factories.make_job(factories.make_study("1.2.3"), queued_at=timezone.now() - timedelta(seconds=90))
    found = figures(client)
    assert found["glioma_studies", "done"] == 1
    assert found["glioma_studies", "queued"] == 1
    assert found["glioma_jobs", "prepare", "queued"] == 1
    assert found["glioma_queue_oldest_seconds", "prepare"] == pytest.approx(90, abs=5)
    assert found["glioma_jobs_ended", "done"] == 1
    assert found["glioma_stage_seconds", "0.5", "prepare"] == 40.0
    assert found["glioma_part_up", "orthanc"] == 1
    assert found["glioma_disk_free_bytes",] > 0


def test_the_figures_name_no_patient(client: Client, all_well: Path) -> None:
    factories.make_result()
    text = client.get("/metrics").content.decode()
    assert "Doe" not in text
    assert "PAT-7" not in text


def test_only_this_machine_scrapes_without_a_token(all_well: Path) -> None:
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.0.0.9").get("/metrics").status_code == 403
    assert Client(HTTP_X_FORWARDED_FOR="10.0.0.9").get("/metrics").status_code == 403


def test_a_token_opens_the_figures_from_elsewhere_and_is_needed_then(
    all_well: Path, settings: DjangoSettings
) -> None:
    settings.METRICS_TOKEN = "open sesame"
    assert Client().get("/metrics").status_code == 403
    elsewhere = Client(REMOTE_ADDR="10.0.0.9", HTTP_AUTHORIZATION="Bearer open sesame")
    assert elsewhere.get("/metrics").status_code == 200


@pytest.mark.parametrize("address", ["/health", "/ready", "/metrics"])
def test_probes_are_only_read(client: Client, all_well: Path, address: str) -> None:
    assert client.post(address, {"file": ContentFile(b"x", "x")}).status_code == 405


def test_a_log_line_is_json_with_the_job_and_the_study_at_work() -> None:
    record = logging.makeLogRecord(
        {"name": "review", "levelname": "INFO", "msg": "stage %s", "args": ("infer",)}
    )
    with at_work_on("j-1", "1.2.3"):
        line = json.loads(JsonLine().format(record))
    assert (line["message"], line["job"], line["study"]) == ("stage infer", "j-1", "1.2.3")
    assert "job" not in json.loads(JsonLine().format(record))


def test_every_panel_of_the_dashboard_asks_for_figures_that_are_there(client: Client, all_well: Path) -> None:
    result = factories.make_result()
    Job.objects.filter(pk=result.job_id).update(finished_at=timezone.now(), seconds={"prepare": 4.0})
    there = {name for name, *_ in figures(client)}
    dashboard = json.loads(Path("docs/grafana-dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert asked
    for expression in asked:
        assert any(name in expression for name in there), expression
