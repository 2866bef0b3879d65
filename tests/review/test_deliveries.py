"""Objects of results on their way to other archives: a second Orthanc, and dcmtk's storescp, killed and revived."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.destinations import define_dicomweb_server, known_destinations, read_destination
from orthanc.server.process import RunningOrthanc, free_port, start_orthanc
from orthanc.types import ObjectKind
from review import sweeper, tasks
from review.deliver import send_object
from review.models import Delivery, Job, Result, ResultObject, RoutingRule
from review.publish import publish_job
from tests.review.published import again, held
from tests.review.test_api import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.stack]

State = Delivery.State


@pytest.fixture
def other_pacs(tmp_path: Path, orthanc: OrthancClient) -> Iterator[RunningOrthanc]:
    """A second archive, known to ours by both protocols."""
    with start_orthanc(tmp_path / "other", aet="OTHER") as running:
        orthanc.define_modality("OTHER", running.aet, "127.0.0.1", running.dicom_port)
        url = f"{running.url}/dicom-web/"
        define_dicomweb_server(orthanc, "OTHER", url, running.username, running.password)
        yield running


@pytest.fixture
def tickets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deliveries for which messages go out, in order."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.deliver, "send", sent.append)
    return sent


@contextmanager
def storescp(folder: Path, port: int) -> Iterator[None]:
    """dcmtk's receiver, keeping what it gets in a folder."""
    folder.mkdir(exist_ok=True)
    command = ["storescp", "-aet", "STORESCP", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        assert process.poll() is None
        yield
    finally:
        process.kill()
        process.wait()


def published(job: Job, *destinations: str) -> list[Delivery]:
    """The deliveries of a result that goes to these destinations, in their order."""
    Job.objects.filter(pk=job.pk).update(destinations=list(destinations))
    job.refresh_from_db()
    publish_job(job)
    return list(Delivery.objects.order_by("pk"))


def kinds_of(deliveries: list[Delivery]) -> list[str]:
    return [one.item.kind for one in deliveries]


def make_due() -> None:
    Delivery.objects.update(send_at=timezone.now() - timedelta(seconds=1))


def work_off(tickets: list[int]) -> None:
    """What workers do until the broker is empty."""
    while tickets:
        tasks.deliver.fn(tickets.pop(0))


def states() -> dict[str, str]:
    return {one.item.kind: one.state for one in Delivery.objects.select_related("item")}


@pytest.mark.parametrize("destination", ["OTHER", "dicomweb:OTHER"])
def test_every_object_reaches_a_second_archive(
    destination: str, job: Job, orthanc: OrthancClient, other_pacs: RunningOrthanc
) -> None:
    for delivery in published(job, destination):
        assert delivery.begin()
        send_object(delivery)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.error) == (State.SENT, "")
    with other_pacs.client() as pacs:
        for item in ResultObject.objects.all():
            found = pacs.find_series(item.series_uid)
            assert found is not None
            assert len(pacs.get_json(f"/series/{found}")["Instances"]) == item.n_instances


def test_the_destinations_that_orthanc_knows_can_be_listed(
    orthanc: OrthancClient, other_pacs: RunningOrthanc
) -> None:
    assert {"OTHER", "dicomweb:OTHER"} <= set(known_destinations(orthanc))


def test_a_receiver_that_is_killed_gets_everything_in_order_once_it_is_back(
    job: Job, orthanc: OrthancClient, tmp_path: Path, tickets: list[int]
) -> None:
    port, folder = free_port(), tmp_path / "received"
    orthanc.define_modality("SCP", "STORESCP", "127.0.0.1", port)
    with storescp(folder, port):
        pass  # it was there once, and is dead now
    deliveries = published(job, "SCP")
    for one in deliveries:
        tasks.deliver.fn(one.pk)
    assert set(states().values()) == {State.WAITING}
    tried = [one.tries for one in Delivery.objects.order_by("pk")]
    assert tried == [1] + [0] * (len(deliveries) - 1)  # those behind are not tried before the first
    assert "does not answer" in Delivery.objects.order_by("pk")[0].error
    make_due()
    with storescp(folder, port):
        sweeper.sweep()
        work_off(tickets)
    assert set(states().values()) == {State.SENT}
    times = [one.sent_at for one in Delivery.objects.order_by("pk")]
    assert times == sorted(times)
    received = {str(dcmread(path).SOPInstanceUID) for path in folder.iterdir()}
    assert set(ResultObject.objects.values_list("sop_uid", flat=True)) <= received


def test_packed_overlays_are_unpacked_for_a_receiver_that_takes_only_plain_ones(
    job: Job, orthanc: OrthancClient, tmp_path: Path, settings: DjangoSettings
) -> None:
    settings.OVERLAY_COMPRESSION = "jpeg-ls"
    port, folder = free_port(), tmp_path / "received"
    orthanc.define_modality("SCP", "STORESCP", "127.0.0.1", port)
    (delivery,) = published(job, "SCP SC_T1CE")
    assert (
        dcmread(BytesIO(held(orthanc, delivery.item.sop_uid))).file_meta.TransferSyntaxUID == JPEGLSLossless
    )
    with storescp(folder, port):
        assert delivery.begin()
        send_object(delivery)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == (State.SENT, "")
    received = [dcmread(path) for path in folder.iterdir()]
    assert len(received) == delivery.item.n_instances
    assert not any(one.file_meta.TransferSyntaxUID.is_compressed for one in received)


def test_a_worker_killed_while_it_sends_leaves_the_delivery_to_the_next(
    job: Job, orthanc: OrthancClient, other_pacs: RunningOrthanc, tickets: list[int]
) -> None:
    deliveries = published(job, "OTHER")
    assert deliveries[0].begin()  # and then it is gone
    assert not deliveries[0].begin()
    make_due()
    sweeper.sweep()
    work_off(tickets)
    assert set(states().values()) == {State.SENT}


def test_an_object_that_is_refused_does_not_hold_up_the_others(
    job: Job, orthanc: OrthancClient, other_pacs: RunningOrthanc, tickets: list[int]
) -> None:
    # An archive that takes no SEG: there, as an answer, but without that SOP class.
    port = free_port()
    orthanc.define_modality("SCP", "STORESCP", "127.0.0.1", port)
    published(job, "SCP SEG SR")
    answers_only_echo = ["storescp", "-aet", "STORESCP", "--refuse", str(port)]
    refusing = subprocess.Popen(answers_only_echo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        first = Delivery.objects.order_by("pk")[0]
        assert first.begin()
        send_object(first)
        first.refresh_from_db()
        assert first.state == State.WAITING  # it refuses the echo too: away, not unwilling
    finally:
        refusing.kill()
        refusing.wait()
    for _ in range(3):
        first.stumble("It answers, but did not take it.", refused=True)
    first.refresh_from_db()
    assert first.state == State.FAILED
    assert [one.item.kind for one in Delivery.objects.due()] == ["SR"]


def test_a_delivery_that_was_given_up_can_be_sent_again_over_the_api(
    job: Job, orthanc: OrthancClient, other_pacs: RunningOrthanc, tickets: list[int]
) -> None:
    first = published(job, "OTHER SEG")[0]
    first.stumble("No.", hopeless=True)
    address = f"/api/deliveries/{first.pk}/retry/"
    assert client_of("viewer").post(address).status_code == 403
    radiologist = client_of("radiologist")
    assert radiologist.post(address).status_code == 202
    assert radiologist.post(address).status_code == 409
    make_due()
    sweeper.sweep()
    work_off(tickets)
    assert states() == {"SEG": State.SENT}


def test_the_api_tells_the_state_of_every_object_at_every_destination(job: Job) -> None:
    published(job, "OTHER SEG", "dicomweb:X SR")
    told = client_of("viewer").get(f"/api/studies/{job.study.study_uid}/").json()["objects"]
    by_kind = {one["kind"]: one for one in told}
    assert {"SEG", "SR"} <= set(by_kind)
    assert [(one["destination"], one["state"]) for one in by_kind["SEG"]["deliveries"]] == [
        ("OTHER", "waiting")
    ]
    assert [one["destination"] for one in by_kind["SR"]["deliveries"]] == ["dicomweb:X"]


def test_a_rerun_adds_no_object_and_no_delivery(job: Job) -> None:
    published(job, "OTHER")
    counts = (ResultObject.objects.count(), Delivery.objects.count())
    publish_job(again(job))
    assert (ResultObject.objects.count(), Delivery.objects.count()) == counts
    assert Result.objects.get().dicom_objects.filter(kind=ObjectKind.SEG).count() == 1


def test_a_destination_that_orthanc_does_not_know_is_said(job: Job) -> None:
    for name, words in (("NOWHERE", "no modality"), ("dicomweb:NOWHERE", "no DICOMweb server")):
        Delivery.objects.all().delete()
        delivery = published(again(job) if Result.objects.exists() else job, f"{name} SEG")[0]
        send_object(delivery)
        delivery.refresh_from_db()
        assert delivery.state == State.FAILED
        assert delivery.error == f"Orthanc knows {words} called NOWHERE."


def test_a_rule_says_what_goes_where() -> None:
    assert read_destination("PACS").kinds == ("SEG", "SR", "SC_T1CE", "SC_FLAIR", "KOS")
    assert read_destination("dicomweb:VNA SEG UNCERTAINTY").kinds == ("SEG", "UNCERTAINTY")
    for wrong in ("", "PACS SEGG"):
        with pytest.raises(ValueError, match="needs a name"):
            read_destination(wrong)
    with pytest.raises(ValidationError, match="SEGG"):
        RoutingRule(name="bad", destinations=["PACS SEGG"]).clean()
