"""Where the studies of a drill stand, read from the database and from Orthanc."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
import psycopg2

from tests.end_to_end.installation import Installation

ENDED = ("done", "failed", "incomplete", "not_wanted")
JOBS_FOR_IMAGES_OF_NOW = """
    SELECT count(*) FROM review_job j WHERE j.study_id = %s AND NOT EXISTS (
        SELECT 1 FROM jsonb_each(j.chosen) AS one
        JOIN review_series s ON s.series_uid = one.value ->> 'series_uid'
        WHERE s.instances_digest <> one.value ->> 'instances_digest')
"""
ANSWERS_AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, httpx.TransportError)

Answer = TypeVar("Answer")


class NotInTimeError(Exception):
    """What was waited for did not come within its limit."""


@dataclass(frozen=True)
class Ending:
    """How one study ended."""

    state: str
    reason: str
    jobs: int
    """Those for the images that the study has now. One that was cut off while it arrived, and came again whole, had
    another job for the part of it that was there, whose result is superseded and whose objects are told."""
    current_results: int
    extra_series: int
    missing_images: int


def ask(stack: Installation, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the stack's database."""
    connection = psycopg2.connect(stack.variables["DATABASE_URL"], connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def until(ask_for: Callable[[], Answer], within_s: float) -> Answer:
    """The first answer that is something; the machine may not answer for a while.

    Raises:
        NotInTimeError: there was none in time.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            if answer := ask_for():
                return answer
        except ANSWERS_AWAY:
            pass
        if time.monotonic() > deadline:
            raise NotInTimeError(f"not well again within {within_s:g} s")
        time.sleep(0.2)


def in_flight(stack: Installation, study_uids: list[str]) -> list[str]:
    """The studies among these that have not ended, also those of which nothing is known yet."""
    ended = ask(
        stack,
        "SELECT study_uid FROM review_study WHERE study_uid = ANY(%s) AND state = ANY(%s)",
        study_uids,
        list(ENDED),
    )
    return sorted(set(study_uids) - {row[0] for row in ended})


def now(stack: Installation) -> datetime:
    """The time of the database."""
    moment: datetime = ask(stack, "SELECT clock_timestamp()")[0][0]
    return moment


def work_went_on(stack: Installation, since: datetime) -> bool:
    """Whether a stage began, or a job ended, after this time."""
    found = ask(
        stack,
        "SELECT count(*) FROM review_job WHERE stage_started_at > %s OR finished_at > %s",
        since,
        since,
    )
    return bool(found[0][0])


def ending(stack: Installation, study_uid: str) -> Ending:
    """How a study ended, and whether Orthanc holds exactly what its rows say."""
    ((study, state, reason),) = ask(
        stack, "SELECT id, state, reason FROM review_study WHERE study_uid = %s", study_uid
    )
    ((jobs,),) = ask(stack, JOBS_FOR_IMAGES_OF_NOW, study)
    ((results,),) = ask(
        stack, "SELECT count(*) FROM review_result WHERE study_id = %s AND superseded_by_id IS NULL", study
    )
    told = dict(
        ask(
            stack,
            "SELECT o.series_uid, o.n_instances FROM review_resultobject o"
            " JOIN review_result r ON r.id = o.result_id WHERE r.study_id = %s",
            study,
        )
    )
    sent = ask(stack, "SELECT series_uid FROM review_series WHERE study_id = %s AND NOT is_ours", study)
    kinds = "SELECT count(*) - count(DISTINCT (result_id, kind)) FROM review_resultobject"
    ((twins,),) = ask(
        stack, f"{kinds} WHERE result_id IN (SELECT id FROM review_result WHERE study_id = %s)", study
    )
    held = _series_held(stack, study_uid)
    for (series,) in sent:
        held.pop(series, None)
    missing = sum(max(count - held.get(series, 0), 0) for series, count in told.items())
    more = sum(max(held[series] - count, 0) for series, count in told.items() if series in held)
    return Ending(state, reason, jobs, results, len(set(held) - set(told)) + more + twins, missing)


def _series_held(stack: Installation, study_uid: str) -> dict[str, int]:
    """Series of the study -> instances, as Orthanc holds them."""
    user = (stack.variables["ORTHANC_USER"], stack.variables["ORTHANC_PASSWORD"])
    with httpx.Client(base_url=stack.variables["ORTHANC_URL"], auth=user, timeout=60) as client:
        query = {"Level": "Series", "Query": {"StudyInstanceUID": study_uid}, "Expand": True}
        found = client.post("/tools/find", json=query).json()
    return {one["MainDicomTags"]["SeriesInstanceUID"]: len(one["Instances"]) for one in found}
