"""Broken and odd studies through the running system: each ends in a result or in its reason, and work goes on."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
from pydicom import config, dcmread

from orthanc.study_maker import VisitDescription, make_study
from orthanc.uids import derive_uid
from segmentation.phantom import make_visit
from segmentation.types import SEQUENCES
from tests.end_to_end.installation import ENDED, Installation
from tests.odd_kind import put, write_study
from tests.odd_studies import ODD_KINDS, OddKind, Study

pytestmark = [pytest.mark.stack, pytest.mark.drill]
WORKERS = ("worker_cpu", "worker_gpu", "follower", "web")
ODD_SEED = 4711
SMALL = 0.7
"""The head is made this much smaller, with larger voxels: each study takes half a minute instead of two."""
GOOD = OddKind("good", list, "result")
LONGEST_S = 2 * 3600
"""All studies are sent before the first is looked at, so the first test waits longest."""


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A small phantom's four series, which the kinds are made of."""
    scan = make_visit(ODD_SEED, 1, spacing_mm=2.0).scan
    images = {name: _smaller(getattr(scan, name)) for name in SEQUENCES}
    visit = VisitDescription("ODD", "Phantom^Odd", "19600102", "F")
    return [dcmread(path) for path in make_study(images, tmp_path_factory.mktemp("normal"), visit, "odd")]


def _smaller(image: sitk.Image) -> sitk.Image:
    image.SetSpacing([SMALL * step for step in image.GetSpacing()])
    image.SetOrigin([SMALL * at for at in image.GetOrigin()])
    return image


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
    """Make a study of this kind and send it; returns its UID."""
    study = deepcopy(kind.make(normal))  # a kind may hand on the objects it was given
    study_uid = as_study_of_its_own(study, kind.name)
    files = write_study(study, folder)
    if stack.send(folder).returncode:  # our own sender looks at its files first; a scanner does not
        with stack.orthanc() as client:
            for path in files:
                client.store(path)
    return study_uid


def check_end(stack: Installation, kind: OddKind, study_uid: str) -> None:
    """Fail unless the study ends as its kind must, in words that hold those expected; print how it ended."""
    found = stack.wait_for(study_uid, has_ended, LONGEST_S)
    warnings = " ".join((found.get("result") or {}).get("warnings", []))
    print(f"{kind.name} | {kind.ends_in} {kind.words} | {found['state']} {found['reason']} {warnings}")
    assert (found["state"] == "done") == (kind.ends_in == "result"), (found["state"], found["reason"])
    assert kind.words.lower() in json.dumps(found, ensure_ascii=False).lower(), (kind.words, found["reason"])
    assert found["reason"] or found["state"] == "done"


def has_ended(study: dict[str, Any]) -> bool:
    """Whether nothing more happens by itself; a study that lacks a role goes on waiting until its deadline."""
    return study["state"] in ENDED or (study["state"] == "waiting" and bool(study["wait_deadline"]))


def pids(stack: Installation) -> dict[str, str]:
    """The numbers of the processes that must not die."""
    return {name: (stack.var / "run" / f"{name}.pid").read_text() for name in WORKERS}


@pytest.fixture(scope="module")
def pids_before(stack: Installation, normal: Study) -> dict[str, str]:
    """Taken before the first odd study is sent."""
    return pids(stack)


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> list[OddKind]:
    """The kinds that this run is to try (`-k` takes some)."""
    called = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    return [spec.params["kind"] for spec in called if "kind" in spec.params]


@pytest.fixture(scope="module")
def sent(
    stack: Installation,
    asked: list[OddKind],
    pids_before: dict[str, str],
    normal: Study,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Every kind and a good study behind them, sent before the first is looked at; study UID by name."""
    uids = {}
    for kind in (*asked, GOOD):
        folder = tmp_path_factory.mktemp("odd")
        uids[kind.name] = send_kind(stack, kind, normal, folder)
        shutil.rmtree(folder)
    return uids


@pytest.mark.parametrize("kind", ODD_KINDS, ids=lambda kind: kind.name)
def test_an_odd_study_ends_in_a_result_or_in_its_reason(
    stack: Installation, sent: dict[str, str], kind: OddKind
) -> None:
    check_end(stack, kind, sent[kind.name])


def test_no_process_died_and_the_next_good_study_is_processed(
    stack: Installation, pids_before: dict[str, str], sent: dict[str, str]
) -> None:
    check_end(stack, GOOD, sent[GOOD.name])
    assert pids(stack) == pids_before
