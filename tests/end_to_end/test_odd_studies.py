"""Broken and odd studies through the running system: each ends in a result or in its reason, and work goes on."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pydicom import config, dcmread

from orthanc.uids import derive_uid
from tests.end_to_end.installation import ENDED, Installation
from tests.end_to_end.studies import make_phantom
from tests.odd_kind import put, write_study
from tests.odd_studies import ODD_KINDS, OddKind, Study

pytestmark = [pytest.mark.stack, pytest.mark.drill]
TELLING = (
    "no FLAIR",
    "a CT study",
    "a slice lost",
    "two echoes in one series",
    "all-zero FLAIR",
    "not a number",
    "pixels cut short",
    "noise and no head",
    "feet first",
    "enhanced multi-frame",
    "hostile text in words",
)
WORKERS = ("worker_cpu", "worker_gpu", "follower", "web")
ODD_SEED = 4711


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A phantom's four series, which the kinds are made of."""
    folder = tmp_path_factory.mktemp("normal")
    make_phantom(folder, "--visits", "1", "--seed", str(ODD_SEED), "--patient-id", "ODD")
    return [dcmread(path) for path in sorted(folder.rglob("*.dcm"))]


def as_study_of_its_own(study: Study, name: str) -> str:
    """Give the objects UIDs and a patient of their own; returns the study's UID."""
    for one in study:
        with config.disable_value_validation():
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
                put(one, **{keyword: derive_uid(str(one.get(keyword)), name)})
            one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
            if one.get("PatientID") == "ODD":
                put(one, PatientID=f"ODD-{derive_uid(name)[-8:]}")
    return str(study[0].StudyInstanceUID)


def send_kind(stack: Installation, kind: OddKind, normal: Study, folder: Path) -> str:
    """Make a study of this kind and C-STORE it; returns its UID."""
    study = deepcopy(kind.make(normal))  # a kind may hand on the objects it was given
    study_uid = as_study_of_its_own(study, kind.name)
    write_study(study, folder)
    stack.send(folder)
    return study_uid


def check_end(stack: Installation, kind: OddKind, study_uid: str) -> None:
    """Fail unless the study ends as its kind must, in words that hold those expected."""
    found = stack.wait_for(study_uid, lambda study: has_ended(study, kind), within_s=420)
    said = json.dumps(found, ensure_ascii=False).lower()
    assert (found["state"] == "done") == (kind.ends_in == "result"), (found["state"], found["reason"])
    assert kind.words.lower() in said, (kind.words, found["reason"])
    assert found["reason"] or found["state"] == "done"


def has_ended(study: dict[str, Any], kind: OddKind) -> bool:
    """Whether nothing more happens by itself; a study that lacks a role goes on waiting until its deadline."""
    waits = study["state"] == "waiting" and kind.ends_in == "reason"
    return study["state"] in ENDED or (waits and kind.words.lower() in json.dumps(study).lower())


def pids(stack: Installation) -> dict[str, str]:
    """The numbers of the processes that must not die."""
    return {name: (stack.var / "run" / f"{name}.pid").read_text() for name in WORKERS}


@pytest.fixture(scope="module")
def sent(stack: Installation, normal: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The telling kinds, all sent before the first is looked at; study UID by name."""
    kinds = [kind for kind in ODD_KINDS if kind.name in TELLING]
    assert len(kinds) == len(TELLING)
    return {kind.name: send_kind(stack, kind, normal, tmp_path_factory.mktemp("odd")) for kind in kinds}


@pytest.fixture(scope="module")
def pids_before(stack: Installation, normal: Study) -> dict[str, str]:
    """Taken before the first odd study is sent."""
    return pids(stack)


@pytest.mark.parametrize(
    "kind", [kind for kind in ODD_KINDS if kind.name in TELLING], ids=lambda kind: kind.name
)
def test_an_odd_study_ends_in_a_result_or_in_its_reason(
    stack: Installation, pids_before: dict[str, str], sent: dict[str, str], kind: OddKind
) -> None:
    check_end(stack, kind, sent[kind.name])


def test_no_process_died_and_the_next_good_study_is_processed(
    stack: Installation, pids_before: dict[str, str], sent: dict[str, str], normal: Study, tmp_path: Path
) -> None:
    good = OddKind("good", list, "result")
    study_uid = send_kind(stack, good, normal, tmp_path / "good")
    check_end(stack, good, study_uid)
    assert pids(stack) == pids_before


@pytest.mark.parametrize(
    "kind", [kind for kind in ODD_KINDS if kind.name not in TELLING], ids=lambda kind: kind.name
)
def test_every_other_odd_study_ends_so_too(
    stack: Installation, normal: Study, tmp_path: Path, kind: OddKind
) -> None:
    check_end(stack, kind, send_kind(stack, kind, normal, tmp_path / "odd"))
