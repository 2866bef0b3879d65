"""Storage that is away, another one, or full: work waits for it, and no study fails for it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review import leases, storage
from review.artefacts import ArtefactsGoneError, job_folder, read_prepared
from review.leases import Lease
from review.models import FollowerState, Job
from review.storage import MARK, adopt_storage, mark_new_storage, storage_trouble
from segmentation.errors import BadInputError
from tests.review.factories import make_job

pytestmark = pytest.mark.django_db


def begin() -> Job:
    """A job at work."""
    make_job()
    job = Job.objects.claim(Job.Stage.PREPARE, "me", 20)
    assert job is not None
    return job


def test_a_new_installation_marks_its_storage_and_knows_it(artefacts: Path) -> None:
    mark_new_storage()
    mark = (artefacts / MARK).read_text().strip()
    assert FollowerState.load().storage_id == mark
    mark_new_storage()
    assert (artefacts / MARK).read_text().strip() == mark
    assert storage_trouble() == ""


def test_a_bare_mount_point_is_not_taken_for_the_storage(artefacts: Path) -> None:
    mark_new_storage()
    shutil.rmtree(artefacts)
    artefacts.mkdir()
    assert "is the storage mounted?" in storage_trouble()
    make_job()
    assert leases.claim(Job.Stage.PREPARE) is None
    call_command("adopt_storage")
    assert storage_trouble() == ""
    assert leases.claim(Job.Stage.PREPARE) is not None


def test_a_marked_folder_keeps_its_mark_when_the_database_is_new(artefacts: Path) -> None:
    (artefacts / MARK).write_text("known before\n")
    assert adopt_storage() == "known before"


def test_a_missing_folder_and_a_full_one_say_so(
    artefacts: Path, settings: DjangoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(artefacts)
    settings.LOW_DISK_MB = 5000
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: usage._replace(free=999 * 10**6))
    assert "full: 999 MB" in storage_trouble()
    shutil.rmtree(artefacts)
    assert "missing" in storage_trouble()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), BadInputError("odd files")]
)
def test_a_stage_that_the_storage_broke_is_tried_again_and_not_counted(
    artefacts: Path, error: Exception
) -> None:
    job = begin()
    with Lease(job, 60):
        if not isinstance(error, OSError):
            artefacts.rmdir()
        raise error
    job.refresh_from_db()
    assert (job.state, job.attempts, job.retries) == (Job.State.QUEUED, 0, 1)
    assert job.progress.startswith("The storage is not well")


def test_a_job_whose_files_are_gone_starts_over_but_not_without_end(
    artefacts: Path, settings: DjangoSettings
) -> None:
    settings.MAX_ATTEMPTS = 2
    job = make_job(stage=Job.Stage.INFER)
    for _ in range(3):
        Job.objects.update(stage=Job.Stage.INFER, not_before=timezone.now())
        mine = Job.objects.claim(Job.Stage.INFER, "me", 20)
        with Lease(mine, 60):
            read_prepared(job_folder(mine.pk).prepared)
        job.refresh_from_db()
        if job.start_overs < 2:
            assert (job.stage, job.state) == (Job.Stage.PREPARE, Job.State.QUEUED)
    assert (job.state, job.start_overs) == (Job.State.FAILED, 2)
    assert "do not share their storage" in job.error


def test_a_damaged_image_counts_as_gone(artefacts: Path) -> None:
    folder = artefacts / "prepared"
    folder.mkdir()
    (folder / "facts.json").write_text('{"warnings": [], "seconds": {}}')
    (folder / "flair.nii.gz").write_bytes(b"cut")
    with pytest.raises(ArtefactsGoneError, match="flair"):
        read_prepared(folder)
