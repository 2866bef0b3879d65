"""A worker killed in the middle of each stage: the job goes on at that stage and ends in one result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.installation import Installation
from tests.end_to_end.studies import send_visit

pytestmark = pytest.mark.stack
KILLS = (("prepare", "worker_cpu"), ("infer", "worker_gpu"), ("publish", "worker_cpu"))


def test_a_worker_killed_in_every_stage_loses_nothing(stack: Installation, tmp_path: Path) -> None:
    study_uid = send_visit(stack, tmp_path, seed=101)
    for stage, process in KILLS:

        def is_at_work(study: dict[str, Any], stage: str = stage) -> bool:
            return bool(study["jobs"]) and (study["jobs"][0]["stage"], study["jobs"][0]["state"]) == (
                stage,
                "running",
            )

        stack.wait_for(study_uid, is_at_work, within_s=400)
        stack.kill(process)
        killed = stack.study(study_uid)["jobs"][0]
        assert (killed["stage"], killed["state"]) == (stage, "running")
    study = stack.wait_until_ended(study_uid, within_s=400)
    assert study["state"] == "done"
    assert len(study["jobs"]) == 1
    for kind in ("seg", "sr"):
        assert stack.count_instances(study["result"]["dicom"][f"{kind}_series_uid"]) == 1
