"""The short version of the fault drill (`make drill` has all of it): one study, a worker killed in every stage, and
meanwhile an emptied broker and messages that come three times. It goes on at its stage and ends in one result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.drills.drill import is_duplicated, is_lost
from tests.drills.faults import double_messages, empty_redis
from tests.drills.heads import make_head, write_study
from tests.drills.stand import ending
from tests.end_to_end.installation import Installation

pytestmark = pytest.mark.stack
KILLS = (("prepare", "worker_cpu"), ("infer", "worker_gpu"), ("publish", "worker_cpu"))
AFTER = {"prepare": double_messages, "infer": empty_redis, "publish": double_messages}


def test_faults_in_every_stage_lose_nothing_and_double_nothing(stack: Installation, tmp_path: Path) -> None:
    study_uid = write_study(make_head(), tmp_path / "study", 1)
    assert stack.send(tmp_path / "study").returncode == 0
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
        AFTER[stage](stack)
    study = stack.wait_until_ended(study_uid, within_s=400)
    assert study["state"] == "done"
    end = ending(stack, study_uid)
    assert not is_lost(end, "")
    assert not is_duplicated(end)
