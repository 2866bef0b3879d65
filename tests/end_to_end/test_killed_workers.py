"""A worker killed in the middle of each stage: the job goes on at that stage and ends in one result."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.end_to_end.installation import REPOSITORY, Installation

pytestmark = pytest.mark.stack
_seeds = count(101)


@pytest.fixture
def fresh_visit(stack: Installation, tmp_path: Path) -> str:
    """A visit of another phantom patient, just sent; gives its study UID."""
    seed = str(next(_seeds))
    line = [sys.executable, "manage.py", "phantom", str(tmp_path), "--visits", "1", "--seed", seed,
            "--patient-id", f"PHANTOM-{seed}"]  # fmt: skip
    subprocess.run(line, cwd=REPOSITORY, check=True, capture_output=True)
    assert stack.send(tmp_path / "visit-1").returncode == 0
    return str(pydicom.dcmread(next(tmp_path.rglob("*.dcm")), stop_before_pixels=True).StudyInstanceUID)


@pytest.mark.parametrize(
    ("stage", "process"), [("prepare", "worker_cpu"), ("infer", "worker_gpu"), ("publish", "worker_cpu")]
)
def test_a_worker_killed_in_a_stage_loses_nothing(
    stack: Installation, fresh_visit: str, stage: str, process: str
) -> None:
    def is_in_stage(study: dict[str, Any]) -> bool:
        return bool(study["jobs"]) and (study["jobs"][0]["stage"], study["jobs"][0]["state"]) == (
            stage,
            "running",
        )

    stack.wait_for(fresh_visit, is_in_stage, within_s=300)
    stack.kill(process)
    study = stack.wait_until_ended(fresh_visit, within_s=300)
    assert study["state"] == "done"
    assert len(study["jobs"]) == 1
    assert study["jobs"][0]["attempts"] >= 1
    for kind in ("seg", "sr"):
        assert stack.count_instances(study["result"]["dicom"][f"{kind}_series_uid"]) == 1
