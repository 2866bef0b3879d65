"""Models on their pages: installed, tried in the shadow of a result, activated, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from review import shadow, tasks
from review.artefacts import job_folder
from review.model_choice import scan_models
from review.models import Algorithm, AuditAction, AuditEntry, Job, Measurement, Result, ShadowRun
from review.models.shadow import TRIES
from review.models_admin import try_in_shadow
from review.publish import publish_job
from review.sweeper import sweep
from segmentation.errors import BadInputError
from segmentation.types import Segmentation
from tests.review import factories
from tests.review.conftest import (  # noqa: F401
    artefacts,
    dicom_study,
    install_model,
    job,
    model,
    orthanc_id,
)
from tests.review.published import segmentation_on
from tests.segmentation.test_model_install import model_folder, zipped

pytestmark = pytest.mark.django_db

LogIn = Callable[[str], Client]


@pytest.fixture
def tickets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The shadow runs for which messages go out."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.shadow, "send", sent.append)
    return sent


def send_zip(client: Client, archive: Path, sha256: str = "") -> str:
    sent = SimpleUploadedFile("model.zip", archive.read_bytes())
    answer = client.post("/administration/models/install/", {"archive": sent, "sha256": sha256}, follow=True)
    return answer.content.decode()


def active() -> list[str]:
    return [str(one) for one in Algorithm.objects.filter(is_active=True)]


def test_a_model_is_installed_activated_and_taken_back(
    as_role: LogIn,
    tmp_path: Path,
    model: Path,  # noqa: F811
) -> None:
    admin = as_role("admin")
    page = send_zip(admin, zipped(model_folder(tmp_path / "made")))
    assert "own 1 is installed. Try it in the shadow" in page
    assert active() == ["demo 1"]  # what ran goes on running, though the new one ranks higher
    own = Algorithm.objects.get(name="own")
    admin.post(f"/administration/models/{own.pk}/activate/")
    assert active() == ["own 1"]
    admin.post("/administration/models/back/")
    assert active() == ["demo 1"]
    assert AuditEntry.objects.get(action=AuditAction.MODEL_INSTALLED).details == {"model": "own 1"}
    assert AuditEntry.objects.filter(action=AuditAction.MODEL_ACTIVATED).count() == 3


def test_a_model_with_another_checksum_is_not_installed(
    as_role: LogIn,
    tmp_path: Path,
    model: Path,  # noqa: F811
) -> None:
    page = send_zip(as_role("admin"), zipped(model_folder(tmp_path / "made")), sha256="0" * 64)
    assert "Nothing was installed. model.zip does not have the SHA-256" in page
    assert not Algorithm.objects.filter(name="own").exists()


@pytest.fixture
def published(job: Job, monkeypatch: pytest.MonkeyPatch) -> Result:  # noqa: F811
    """A result in Orthanc with its label map, and a candidate whose network is faked: it paints the same."""

    def segmented(prepared: sitk.Image, *_: object) -> Segmentation:
        return segmentation_on(prepared)

    publish_job(job)
    monkeypatch.setattr(shadow, "prepare", lambda scan, **_: scan.t1ce)
    monkeypatch.setattr(shadow, "segment", segmented)
    monkeypatch.setattr(shadow, "loaded_model", lambda folder, device: None)
    return Result.objects.get()


@pytest.mark.stack
def test_a_model_runs_in_the_shadow_of_a_result_and_nothing_is_published(
    as_role: LogIn, orthanc: OrthancClient, published: Result, tickets: list[int],
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:  # fmt: skip
    scan_models()
    candidate = Algorithm.objects.get()
    before = (
        sorted(orthanc.studies()),
        Measurement.objects.count(),
        Result.objects.count(),
        Job.objects.count(),
    )
    objects = len(orthanc.get_json("/instances"))
    admin = as_role("admin")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        admin.post(f"/administration/models/{candidate.pk}/shadow/", {"result": [published.pk]})
    run = ShadowRun.objects.get()
    assert tickets == [run.pk]
    tasks.shadow.fn(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (ShadowRun.State.DONE, "")
    lines = AuditEntry.objects.filter(study_uid=published.study.study_uid, by="admin")
    assert "model in the shadow: done" in {line.details["what"] for line in lines if "what" in line.details}
    assert run.dice == {"WT": 1.0, "TC": 1.0, "ET": 1.0}
    assert run.volumes["WT"]["ml"] == str(published.volumes["WT"].ml)
    after = (
        sorted(orthanc.studies()),
        Measurement.objects.count(),
        Result.objects.count(),
        Job.objects.count(),
    )
    assert (after, len(orthanc.get_json("/instances"))) == (before, objects)
    folders = [one.name for one in job_folder(published.job_id).path.parent.iterdir()]
    assert folders == [str(published.job_id)]
    page = admin.get(f"/administration/models/{candidate.pk}/").content.decode()
    assert run.volumes["ET"]["ml"] in page
    assert ">1.0</td>" in page


@pytest.mark.stack
def test_a_shadow_run_that_cannot_be_says_why_and_can_be_asked_for_again(
    published: Result, tickets: list[int], monkeypatch: pytest.MonkeyPatch, settings: DjangoSettings
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise BadInputError("FLAIR is empty.")

    scan_models()
    candidate = Algorithm.objects.get()
    monkeypatch.setattr(shadow, "prepare", refuses)
    assert try_in_shadow(candidate, [published], by="admin") == 1
    tasks.shadow.fn(ShadowRun.objects.get().pk)
    assert (ShadowRun.objects.get().state, ShadowRun.objects.get().error) == ("failed", "FLAIR is empty.")
    assert try_in_shadow(candidate, [published], by="admin") == 1
    assert try_in_shadow(candidate, [published], by="admin") == 0
    settings.ORTHANC_URL = "http://127.0.0.1:9"
    tasks.shadow.fn(ShadowRun.objects.get().pk)
    assert (ShadowRun.objects.get().state, ShadowRun.objects.get().tries) == ("waiting", 0)


def test_a_run_whose_workers_die_is_given_up_and_one_that_was_lost_is_sent_again(
    tickets: list[int],
    model: Path,  # noqa: F811
) -> None:
    scan_models()
    result = factories.make_result()
    run = ShadowRun.objects.create(algorithm=Algorithm.objects.get(), result=result, made_by="admin")
    sweep()
    sweep()
    assert tickets == [run.pk]
    assert (run.begin(), run.begin()) == (True, False)
    ShadowRun.objects.update(tries=TRIES, began_at=None)
    run.refresh_from_db()
    assert not run.begin()
    assert ShadowRun.objects.get().error == f"Its worker died {TRIES} times."
