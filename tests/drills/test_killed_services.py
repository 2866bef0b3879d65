"""Every service is killed, one after the other, while studies are in flight: each study still ends in one result."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.installation import Installation
from tests.end_to_end.studies import send_phantom, send_visit

pytestmark = [pytest.mark.drill, pytest.mark.stack]
PAUSE_BETWEEN_KILLS_S = 15
ALL = ("web", "follower", "worker_cpu", "worker_gpu", "redis", "postgres", "orthanc")


def _assert_one_result_each(stack: Installation, study_uids: list[str]) -> None:
    for study_uid in study_uids:
        study = stack.wait_until_ended(study_uid, within_s=900)
        assert (study["state"], study["reason"]) == ("done", "")
        for kind in ("seg", "sr"):
            assert stack.count_instances(study["result"]["dicom"][f"{kind}_series_uid"]) == 1


def test_every_process_killed_once_while_three_visits_are_in_flight(
    stack: Installation, phantom: Path
) -> None:
    visits: list[dict[str, Any]] = json.loads((phantom / "truth.json").read_text())["visits"]
    send_phantom(stack, phantom)
    for process in ALL:
        time.sleep(PAUSE_BETWEEN_KILLS_S)
        stack.kill(process)
    _assert_one_result_each(stack, [visit["study_uid"] for visit in visits])


def test_a_broker_that_lost_everything_loses_no_study(stack: Installation, tmp_path: Path) -> None:
    study_uid = send_visit(stack, tmp_path, seed=301)
    stack.wait_for(study_uid, lambda study: bool(study["jobs"]), within_s=60)
    stack.kill("redis")
    for remains in (stack.var / "redis").iterdir():
        shutil.rmtree(remains)
    _assert_one_result_each(stack, [study_uid])
