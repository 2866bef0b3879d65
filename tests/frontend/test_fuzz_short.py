"""A small part of `make fuzz`, in every run of the tests: hostile files and requests, no crash and no 5xx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from orthanc.client import OrthancClient
from orthanc.server.process import RunningOrthanc, free_port
from review.follower import handle
from review.models import Study
from tests.fuzz.__main__ import page_patterns
from tests.fuzz.asking import fuzz_api, fuzz_pages, fuzz_paths
from tests.fuzz.mutations import KINDS, hostile_file
from tests.fuzz.readers import read_block
from tests.fuzz.scanner import c_store
from tests.fuzz.seeds import seed_files
from tests.fuzz.sending import send_files, show, show_lists
from tests.fuzz.server import running_web
from tests.fuzz.target import Tally, Target, with_sessions
from tests.review import factories

BLOCK = len(KINDS)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return seed_files(tmp_path_factory.mktemp("seeds"))


@pytest.fixture
def target(
    transactional_db: None,
    accounts: dict[str, User],
    as_role: Callable[[str], Client],
    orthanc: OrthancClient,
    tmp_path: Path,
) -> Iterator[Target]:
    factories.default_rule()
    cookies = {role: as_role(role).cookies[settings.SESSION_COOKIE_NAME].value for role in accounts}
    log = tmp_path / "web.log"
    with running_web(free_port(), log) as url:
        yield with_sessions(url, cookies)
    assert "Internal Server Error" not in log.read_text()


def test_the_same_number_is_always_the_same_file(seeds: list[bytes], tmp_path: Path) -> None:
    again = seed_files(tmp_path)
    assert [hostile_file(number, seeds) for number in range(2 * BLOCK)] == [
        hostile_file(number, again) for number in range(2 * BLOCK)
    ]


def test_readers_refuse_hostile_files_in_words(seeds: list[bytes]) -> None:
    done = read_block(range(4 * BLOCK), seeds)
    assert done.findings == []
    assert BLOCK < done.refused < done.read


@pytest.mark.stack
def test_doors_and_pages_stand_hostile_files(
    target: Target, seeds: list[bytes], orthanc_server: RunningOrthanc, orthanc: OrthancClient
) -> None:
    tally = Tally()

    def scan(files: list[bytes]) -> int:
        # Texts, bombs, nesting: of bytes that it cannot read Orthanc says nothing for seconds.
        return c_store(files[4:8], orthanc_server.dicom_port)

    send_files(target, range(5 * BLOCK), seeds, tally, scan, at_once=BLOCK)
    assert tally.scanned
    handle(orthanc, orthanc.changes(0, 1000))
    show(target, list(Study.objects.values_list("study_uid", flat=True)[:4]), tally)
    show_lists(target, tally)
    assert tally.findings == []
    assert orthanc.system()
    assert tally.asked("pages of studies")


@pytest.mark.stack
def test_pages_and_api_stand_requests_that_make_no_sense(target: Target) -> None:
    factories.make_result()
    tally = Tally()
    fuzz_api(target, tally, factories.STUDY_UID, at_least=40)
    fuzz_paths(target, tally, factories.STUDY_UID, number=40)
    fuzz_pages(target, tally, page_patterns(), factories.STUDY_UID, number=100)
    assert tally.findings == []
    assert tally.asked("API") > 40
