"""A study that really crashes its worker is set aside after a few tries with its reason, while others go on."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings as DjangoSettings

from review.models import Job, Study
from review.sweeper import sweep
from tests.review.factories import make_job, make_study
from tests.review.test_pipeline import run_python

CRASHES = {
    "a segfault": "ctypes.string_at(0)",
    # The limit stands for the kernel's, which would take this machine's memory first.
    "more memory than there is": (
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); held = []\n"
        "        while True: held.append(ctypes.create_string_buffer(1 << 28))"
    ),
}
WORKER = """
    import ctypes, resource
    import django
    django.setup()
    from review import tasks

    def run(job):
        if job.study.study_uid != "1.666":
            return tasks.end_stage(job, {{}})
        {crash}

    tasks.run_stage = run
    for _ in range(3):
        tasks.prepare("ticket")
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("crash", CRASHES)
def test_a_study_that_crashes_its_worker_is_tried_a_few_times_and_set_aside(
    crash: str, settings: DjangoSettings, sent: list[str], artefacts: object
) -> None:
    poison = make_job(make_study("1.666"), priority=5)
    others = [make_job(make_study(f"1.{number}")) for number in range(2)]
    starts = 0
    while not Job.objects.filter(pk=poison.pk, state=Job.State.FAILED).exists():
        worker = run_python(WORKER.format(crash=CRASHES[crash]))
        worker.communicate(timeout=120)
        starts += 1
        assert starts <= settings.MAX_ATTEMPTS
        Job.objects.filter(state=Job.State.RUNNING).update(lease_until=timezone.now())
        time.sleep(0.01)
        sweep()
        Job.objects.filter(state=Job.State.QUEUED).update(not_before=timezone.now())
    poison.refresh_from_db()
    assert poison.attempts == starts == settings.MAX_ATTEMPTS
    assert "at stage prepare" in poison.error
    assert Study.objects.get(study_uid="1.666").reason == poison.error
    run_python(WORKER.format(crash="")).communicate(timeout=120)
    assert set(Job.objects.filter(pk__in=[one.pk for one in others]).values_list("stage", flat=True)) == {
        "infer"
    }
