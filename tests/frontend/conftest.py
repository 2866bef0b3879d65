"""Accounts of every role, a real Orthanc behind the settings, and a study with a result to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import SimpleITK as sitk
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, Page
from pydicom.dataset import Dataset
from pytest_django.fixtures import Settings as DjangoSettings
from pytest_django.live_server_helper import LiveServer

from frontend.ohif import build
from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.secondary_capture import ON_T1CE, write_overlays
from orthanc.seg import write_seg
from orthanc.server.process import RunningOrthanc, start_orthanc
from orthanc.sources import read_source
from orthanc.study_maker import VisitDescription, make_study
from orthanc.types import AlgorithmInfo, Role
from review.artefacts import job_folder, write_segmentation
from review.intake import take_study
from review.models import FollowerState, Job, Result, Study
from review.publish import stored_volumes
from review.roles import UserRole
from segmentation.interval import QUANTITIES
from segmentation.measure import Reach, tumour_volumes, volume_bands
from segmentation.types import ModelIdentity, Phase, Segmentation
from tests.browser import running_browser
from tests.frontend.synthetic import brain_on_cubes, labels_on, make_images
from tests.review import factories

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class SegmentedStudy:
    """Four series and a SEG in Orthanc, with rows that say so."""

    study: Study
    result: Result
    files: list[Path]


@pytest.fixture
def accounts(db: None) -> dict[str, User]:
    """One account per role, and one that has none."""
    made = {}
    for name in [*(role.value for role in UserRole), "nobody"]:
        made[name] = User.objects.create_user(name, password=PASSWORD)
        if name != "nobody":
            made[name].groups.add(Group.objects.get_or_create(name=name)[0])
    return made


@pytest.fixture
def as_role(accounts: dict[str, User]) -> Callable[[str], Client]:
    """A browser's session of one of the accounts."""

    def log_in(name: str) -> Client:
        client = Client()
        client.force_login(accounts[name])
        return client

    return log_in


@pytest.fixture(scope="session")
def orthanc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrthanc]:
    with start_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def orthanc(orthanc_server: RunningOrthanc, settings: DjangoSettings) -> Iterator[OrthancClient]:
    """A client of that Orthanc; the settings point to it."""
    settings.ORTHANC_URL = orthanc_server.url
    settings.ORTHANC_USER, settings.ORTHANC_PASSWORD = orthanc_server.username, orthanc_server.password
    with orthanc_server.client() as client:
        yield client


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """What Orthanc holds for the whole session: four series and a SEG of them."""

    orthanc_id: str
    files: list[Path]
    seg: Dataset


@pytest.fixture(scope="session")
def stored_study(orthanc_server: RunningOrthanc, tmp_path_factory: pytest.TempPathFactory) -> StoredStudy:
    """The synthetic head in Orthanc, with its true labels as SEG."""
    visit = VisitDescription("PAT-5", "Tester^Tamara", "19660606", "F", accession_number="ACC-5")
    files = make_study(make_images(), tmp_path_factory.mktemp("study"), visit, uid_seed="frontend tests")
    t1ce_files = [path for path in files if path.parent.name.endswith("t1ce")]
    labels, algorithm = labels_on(read_series(t1ce_files)), AlgorithmInfo("synthetic truth", "1")
    seg = write_seg(labels, read_source(t1ce_files), algorithm)
    # Colour images of ours, which the viewer must not hang where a series of the scanner belongs.
    overlays = write_overlays(labels, read_source(t1ce_files), algorithm, (), ON_T1CE)
    with orthanc_server.client() as client:
        stored = [client.store(item) for item in (*files, seg, *overlays)]
    return StoredStudy(stored[0].study_orthanc_id, files, seg)


@pytest.fixture
def stored_t1ce(stored_study: StoredStudy) -> list[Path]:
    """The files of its T1CE series."""
    return [path for path in stored_study.files if path.parent.name.endswith("t1ce")]


@pytest.fixture
def segmented_study(
    request: pytest.FixtureRequest, orthanc: OrthancClient, stored_study: StoredStudy
) -> SegmentedStudy:
    """That study on the worklist, done. Works with `db` and, beside a live server, with `transactional_db`."""
    request.getfixturevalue("transactional_db" if "live_server" in request.fixturenames else "db")
    factories.default_rule()
    study = take_study(orthanc, stored_study.orthanc_id)
    assert study is not None
    job = factories.make_job(study)
    seg = stored_study.seg
    result = factories.make_result(
        job,
        seg_sop_uid=seg.SOPInstanceUID,
        seg_series_uid=seg.SeriesInstanceUID,
        warnings=["FLAIR is thick."],
    )
    seconds = {"prepare": 41.2, "prepare_queue": 0.3, "infer": 33.0, "publish": 2.1}
    Job.objects.filter(pk=job.pk).update(stage=Job.Stage.PUBLISH, seconds=seconds)
    study.refresh_from_db()
    return SegmentedStudy(study, result, stored_study.files)


@dataclass(frozen=True, slots=True)
class CorrectableStudy:
    """The segmented study with what its job left behind: an edited mask can be measured."""

    study: Study
    result: Result
    seg: Dataset


@pytest.fixture
def correctable_study(
    segmented_study: SegmentedStudy, stored_study: StoredStudy, tmp_path: Path, settings: DjangoSettings
) -> CorrectableStudy:
    """The true labels as the model's mask, with volumes counted from them and the brain that they lie in."""
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    study, result = segmented_study.study, segmented_study.result
    chosen = {
        one.role: {"series_uid": one.series_uid, "orthanc_id": one.orthanc_id}
        for one in study.series.exclude(role=Role.NONE)
    }
    Job.objects.filter(pk=result.job_id).update(chosen=chosen)
    grid = read_series([path for path in stored_study.files if path.parent.name.endswith("t1ce")])
    done = segmentation_of(labels_on(grid))
    write_segmentation(done, job_folder(result.job_id).inferred, brain_mask=brain_on_cubes())
    for volume in stored_volumes(done.volumes):
        numbers = {"ml": volume.ml, "low_ml": volume.low_ml, "high_ml": volume.high_ml}
        result.measurements.filter(compartment=volume.region).update(**numbers)
    return CorrectableStudy(study, Result.objects.get(pk=result.pk), stored_study.seg)


def segmentation_of(labels: sitk.Image) -> Segmentation:
    """What a model would hand over that drew exactly these labels."""
    nothing = {name: 0.0 for name in QUANTITIES}
    return Segmentation(
        labels=labels,
        volumes=tumour_volumes(volume_bands(labels, Reach(nothing, nothing)), None),
        model=ModelIdentity("demo", "1", is_demo=True, statement="A demo model."),
        phase=Phase.UNKNOWN,
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    build.build()
    with pytest.MonkeyPatch.context() as patch, running_browser() as running:
        # Playwright keeps an event loop in this thread, which Django takes for a sign of async code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A window without cookies; an uncaught error of any script fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=live_server.url)
    # Software WebGL on a busy machine: clicks and screenshots wait for frames.
    context.set_default_timeout(90_000)
    window = context.new_page()
    errors: list[str] = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    yield window
    context.close()
    assert errors == []


@pytest.fixture
def reader(page: Page, accounts: dict[str, User]) -> Page:
    """A window in which a radiologist has logged in."""
    FollowerState.load().beat()
    page.goto("/login/")
    page.get_by_label("User name").fill("radiologist")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/$"))
    return page
