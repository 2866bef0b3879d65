"""Seconds that the server takes for a page of the worklist over many studies: `python -m tests.benchmarks.worklist`.

Against a private PostgreSQL that goes away. The reference is an empty worklist in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from datetime import date, timedelta

import django
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

ADDRESSES = {
    "first page": "/",
    "a page of done studies": "/?show=done",
    "page 2000": "/?page=2000",
    "by patient": "/?order=patient",
    "by study date": "/?order=study_date",
    "by state": "/?order=state",
    "search that finds one": "/?q=PAT-77777",
    "search for two words": "/?q=doe+brain",
    "unread": "/?verdict=unread",
    "flagged": "/?verdict=flagged",
    "poor trust": "/?trust=poor",
    "my reads": "/?verdict=mine",
    "one month": "/?from=2025-01-01&to=2025-01-31",
    "poll": "/worklist/rows/",
}
REPEATS = 5


def main() -> int:
    """Fill the tables, ask for each page some times, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.worklist")
    parser.add_argument("--studies", type=int, default=100_000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    setup_test_environment()
    made = setup_databases(verbosity=0, interactive=False)
    try:
        measure(0)
        measure(options.studies)
    finally:
        teardown_databases(made, verbosity=0)
    return 0


def measure(n_studies: int) -> None:
    """Print the median milliseconds of every page over this many studies."""
    from django.test import Client

    client = Client()
    client.force_login(_reader())
    fill(n_studies)
    print(
        f"{n_studies} studies, ms: median and least of {REPEATS}, and the least of the web process's own time"
    )
    for name, address in ADDRESSES.items():
        seconds, own_seconds = [], []
        for _ in range(REPEATS):
            start, own_start = time.perf_counter(), time.process_time()
            answer = client.get(address)
            seconds.append(time.perf_counter() - start)
            own_seconds.append(time.process_time() - own_start)
            if answer.status_code != 200:
                raise RuntimeError(f"{address} answered {answer.status_code}")
        median, least, own = (
            1000 * one for one in (statistics.median(seconds), min(seconds), min(own_seconds))
        )
        print(f"  {name:<24} {median:7.0f} {least:7.0f} {own:7.0f}", flush=True)


def _reader() -> object:
    from django.contrib.auth.models import Group, User

    reader, _ = User.objects.get_or_create(username="reader")
    reader.groups.add(Group.objects.get_or_create(name="radiologist")[0])
    return reader


def fill(n_studies: int) -> None:
    """Invented studies, most of them done, each with a job, a result and its volumes; one in fifty flagged."""
    from django.db import connection
    from django.utils import timezone

    from review.models import Flag, Job, Measurement, Result, Study

    now = timezone.now()
    states = [Study.State.DONE] * 17 + [Study.State.FAILED, Study.State.INCOMPLETE, Study.State.NOT_WANTED]
    studies = Study.objects.bulk_create(
        (
            Study(
                study_uid=f"1.2.3.{number}",
                patient_id=f"PAT-{number // 4}",
                patient_name=f"{('Doe', 'Roe', 'Miller', 'Bloggs')[number // 4 % 4]}^{number // 4}",
                study_date=date(2020, 1, 1) + timedelta(days=number % 2000),
                accession_number=f"ACC{number}",
                description=("MRI BRAIN TUMOUR", "MR HEAD", "FOLLOW-UP")[number % 3],
                state=states[number % len(states)],
                changed_at=now - timedelta(seconds=number * 37),
            )
            for number in range(n_studies)
        ),
        batch_size=5000,
    )
    done = [study for study in studies if study.state == Study.State.DONE]
    jobs = Job.objects.bulk_create(
        (
            Job(
                study=study,
                series_key="k",
                chosen={},
                model_name="demo",
                model_version="1",
                phase="unknown",
                state="done",
            )
            for study in done
        ),
        batch_size=5000,
    )
    results = Result.objects.bulk_create(
        (
            Result(
                job=job, study_id=job.study_id, seg_sop_uid="1", seg_series_uid="1", sr_sop_uid="1", sr_series_uid="1",
                t1ce_series_uid="1", model_name="demo", model_version="1", model_is_demo=False, model_statement="",
                phase="unknown", trust_grade="poor" if number % 50 == 7 else "good",
            )
            for number, job in enumerate(jobs)
        ),
        batch_size=5000,
    )  # fmt: skip
    Measurement.objects.bulk_create(
        (
            Measurement(result=result, compartment=region, ml=10, low_ml=8, high_ml=13)
            for result in results
            for region in ("WT", "TC", "ET")
        ),
        batch_size=10_000,
    )
    Flag.objects.bulk_create(Flag(result=result, reason="motion", by="reader") for result in results[::50])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE review_study SET current_result_id = r.id, current_job_id = r.job_id "
            "FROM review_result r WHERE r.study_id = review_study.id"
        )
        cursor.execute("ANALYZE")


if __name__ == "__main__":
    sys.exit(main())
