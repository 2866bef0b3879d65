"""A running stack is stopped in the middle of a study, saved, wiped and put back: nothing is lost on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orthanc.sr import volumes_from_sr
from tests.drills.drill import is_duplicated, is_lost
from tests.drills.heads import make_head, write_study
from tests.drills.stand import ask, ending, until
from tests.end_to_end.installation import Installation, installed
from tests.services import reachable_folder
from webapp.stack import postgres

pytestmark = [pytest.mark.stack, pytest.mark.drill]
WITHIN_S = 900.0


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Installation]:
    """A stack that may be wiped."""
    folder = reachable_folder()
    with installed(folder / "var", MODEL="phantom-demo") as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def run(stack: Installation, *words: str) -> None:
    """A command of the stack, which must do its work."""
    done = stack.command(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_stopped_in_the_middle_saved_wiped_and_put_back(own_stack: Installation, tmp_path: Path) -> None:
    study_uid = write_study(make_head(), tmp_path / "study", 1)
    assert own_stack.send(tmp_path / "study").returncode == 0
    at_work = "SELECT count(*) FROM review_job WHERE state = 'running'"
    until(lambda: ask(own_stack, at_work)[0][0], WITHIN_S)
    run(own_stack, "down")
    assert job_while_down(own_stack) == ("queued", 0)

    run(own_stack, "up")
    before = own_stack.wait_until_ended(study_uid, within_s=WITHIN_S)
    assert before["state"] == "done", before["reason"]
    instances = own_stack.count_all_instances()

    run(own_stack, "backup", "--to", str(tmp_path / "saved"))
    assert own_stack.command("restore", str(tmp_path / "saved")).returncode == 1  # it runs
    run(own_stack, "down")
    shutil.rmtree(own_stack.var)
    run(own_stack, "restore", str(tmp_path / "saved"))
    run(own_stack, "up")
    after = own_stack.study(study_uid)
    assert after["state"] == "done"
    assert after["result"]["volumes"] == before["result"]["volumes"]
    own_stack.wait_until_journal_is_read()
    assert own_stack.count_all_instances() == instances
    report = own_stack.instance(after["result"]["dicom"]["sr_sop_uid"])
    assert {region.value for region in volumes_from_sr(report)} == set(after["result"]["volumes"])
    end = ending(own_stack, study_uid)
    assert not is_lost(end, "")
    assert not is_duplicated(end)


def job_while_down(stack: Installation) -> tuple[str, int]:
    """State and attempts of the job in the database of a stack that does not run."""
    variables = stack.variables
    password, port = variables["PG_PASSWORD"], int(variables["PG_PORT"])
    with postgres.running(stack.var / "postgres", port, password, stack.var / "log" / "postgres.log"):
        ((state, attempts),) = ask(stack, "SELECT state, attempts FROM review_job")
    return state, attempts
