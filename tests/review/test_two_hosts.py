"""Workers on two hosts share one queue: one is cut off in the middle, another stands before the wrong folder."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review.models import Job
from review.storage import mark_new_storage
from review.sweeper import sweep
from tests.review.factories import make_job, make_study
from tests.review.test_pipeline import run_python

pytestmark = pytest.mark.django_db(transaction=True)

HOST = """
    import sys
    import django
    django.setup()
    from django.conf import settings
    settings.ARTEFACTS_DIR, settings.LEASE_S = {folder!r}, 2
    from review import tasks

    def run(job):
        print("at work", flush=True)
        sys.stdin.readline()
        tasks.end_stage(job, {{}})

    tasks.run_stage = run
    tasks.prepare("ticket")
    print("at rest", flush=True)
"""


def start_host(folder: Path, monkeypatch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """A worker on a host where the artefacts are in this folder; it takes one job and waits for a line."""
    popen = subprocess.Popen
    with monkeypatch.context() as patch:
        patch.setattr(
            subprocess, "Popen", lambda *words, **more: popen(*words, stdin=subprocess.PIPE, **more)
        )
        return run_python(HOST.format(folder=str(folder)))


def say(host: subprocess.Popen[str], words: str) -> None:
    """Read what a host says."""
    assert host.stdout is not None
    assert host.stdout.readline() == f"{words}\n"


def go_on(host: subprocess.Popen[str]) -> None:
    """Let a host end its stage, and wait for its end."""
    assert host.stdin is not None
    host.stdin.write("\n")
    host.stdin.flush()
    end(host)


def end(host: subprocess.Popen[str]) -> None:
    """Wait for the end of a host."""
    assert host.stdin is not None
    assert host.stdout is not None
    say(host, "at rest")
    host.wait(60)
    host.stdin.close()
    host.stdout.close()


def test_of_two_hosts_that_share_a_queue_one_is_cut_off_and_nothing_is_lost_or_done_twice(
    artefacts: Path, settings: DjangoSettings, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_S = 2
    mark_new_storage()
    jobs = [make_job(make_study(f"1.{number}")) for number in range(2)]
    first, second = (start_host(artefacts, monkeypatch) for _ in range(2))
    say(first, "at work")
    say(second, "at work")
    assert set(Job.objects.values_list("state", flat=True)) == {Job.State.RUNNING}
    first.send_signal(signal.SIGSTOP)  # cut off: it neither works nor renews its lease
    go_on(second)
    deadline = time.monotonic() + 30
    while not Job.objects.filter(state=Job.State.QUEUED, stage=Job.Stage.PREPARE).exists():
        assert time.monotonic() < deadline
        sweep()
        time.sleep(0.2)
    Job.objects.update(not_before=timezone.now())
    third = start_host(artefacts, monkeypatch)
    say(third, "at work")
    first.send_signal(signal.SIGCONT)  # it is back, and ends what is no longer its own
    go_on(first)
    assert Job.objects.filter(stage=Job.Stage.INFER).count() == 1
    go_on(third)
    ends = Job.objects.filter(pk__in=[one.pk for one in jobs]).values_list("stage", "state")
    assert set(ends) == {(Job.Stage.INFER, Job.State.QUEUED)}


def test_a_host_on_which_the_shared_folder_is_not_mounted_takes_no_job(
    artefacts: Path, tmp_path: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_new_storage()
    (tmp_path / "bare").mkdir()
    job = make_job()
    end(start_host(tmp_path / "bare", monkeypatch))
    job.refresh_from_db()
    assert (job.state, job.attempts) == (Job.State.QUEUED, 0)
