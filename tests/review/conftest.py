"""What the domain's tests share: an installed model that is only a description, and a quiet broker."""

from __future__ import annotations

from collections import UserList
from collections.abc import Callable, Iterator
from pathlib import Path

import dramatiq
import numpy as np
import pytest
import SimpleITK as sitk
from dramatiq import Message
from pytest_django.fixtures import Settings as DjangoSettings

from orthanc.client import OrthancClient
from orthanc.read import read_series
from orthanc.server.process import RunningOrthanc, start_orthanc
from orthanc.study_maker import VisitDescription, make_study
from review import tasks
from review.artefacts import job_folder, write_segmentation
from review.models import Job
from segmentation.model_description import CascadeConfig, ModelDescription, write_description
from segmentation.types import ModelIdentity
from tests.review.published import claim, segmentation_on, take_as_stable

InstallModel = Callable[..., Path]


@pytest.fixture
def install_model(tmp_path: Path, settings: DjangoSettings) -> InstallModel:
    """Put the description of a model (no weights) where the site looks for models."""
    root = tmp_path / "models"
    settings.MODEL_DIRS = [root]
    settings.MODEL = ""

    def install(name: str = "demo", version: str = "1", rank: int = 0) -> Path:
        folder = root / (name if version == "1" else f"{name}-{version}")
        folder.mkdir(parents=True, exist_ok=True)
        identity = ModelIdentity(name, version, is_demo=True, statement="A demo model.")
        write_description(folder, ModelDescription(identity, rank, CascadeConfig()), checksum="of no weights")
        return folder

    return install


@pytest.fixture
def model(install_model: InstallModel) -> Path:
    return install_model()


class Tickets(UserList[str]):
    """The tickets for jobs that wait in the real broker, as the names of their stages, the oldest first."""

    def __init__(self) -> None:
        pass

    @property
    def data(self) -> list[str]:  # type: ignore[override]
        """What waits now."""
        broker = dramatiq.get_broker()
        keys = {f"{broker.namespace}:{actor.queue_name}.msgs" for actor in tasks.ACTORS.values()}
        waiting = [Message.decode(value) for key in keys for value in broker.client.hvals(key)]
        waiting.sort(key=lambda message: message.message_timestamp)
        return [message.actor_name for message in waiting if message.actor_name in Job.Stage.values]


@pytest.fixture
def sent() -> Tickets:
    """The stages for which tickets wait in the broker; no worker runs in these tests."""
    return Tickets()


@pytest.fixture(scope="session")
def orthanc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrthanc]:
    """A real Orthanc for the domain's tests."""
    with start_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def orthanc(orthanc_server: RunningOrthanc, settings: DjangoSettings) -> Iterator[OrthancClient]:
    """A client of that Orthanc, emptied; the settings point to it."""
    settings.ORTHANC_URL = orthanc_server.url
    settings.ORTHANC_USER, settings.ORTHANC_PASSWORD = orthanc_server.username, orthanc_server.password
    with orthanc_server.client() as client:
        for study in client.studies():
            client.delete_study(study)
        yield client


SMALL = (24, 24, 12)


def head_images(size: tuple[int, int, int] = SMALL, spacing_mm: float = 8.0) -> dict[str, sitk.Image]:
    """Four small images on one oblique grid, all voxels different, 96 mm of head."""
    rotation = sitk.Euler3DTransform()
    rotation.SetRotation(0.05, -0.03, 0.02)
    images = {}
    for number, name in enumerate(("t1", "t1ce", "t2", "flair")):
        values = np.random.default_rng(number).integers(10, 900, size[::-1]).astype(np.int16)
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((spacing_mm,) * 3)
        image.SetDirection(rotation.GetMatrix())
        image.SetOrigin((-48.0, -50.0, -40.0))
        images[name] = image
    return images


@pytest.fixture
def dicom_study(tmp_path: Path) -> Path:
    """A study of four small series: `01_..`-like folders of DICOM files."""
    visit = VisitDescription("PAT-9", "Roe^Rita", "19700101", "F", accession_number="ACC-9")
    make_study(head_images(), tmp_path / "study", visit, uid_seed="review tests")
    return tmp_path / "study"


def store_all(pacs: OrthancClient, folder: Path, pattern: str = "**/*.dcm") -> str:
    """Store files over REST; the Orthanc ID of their study."""
    stored = [pacs.store(path) for path in sorted(folder.glob(pattern))]
    return stored[0].study_orthanc_id


@pytest.fixture
def artefacts(tmp_path: Path, settings: DjangoSettings) -> Path:
    settings.ARTEFACTS_DIR = tmp_path / "artefacts"
    settings.ARTEFACTS_DIR.mkdir()
    return settings.ARTEFACTS_DIR


@pytest.fixture
def orthanc_id(orthanc: OrthancClient, dicom_study: Path) -> str:
    """A stored study."""
    return store_all(orthanc, dicom_study)


@pytest.fixture
def job(orthanc: OrthancClient, orthanc_id: str, dicom_study: Path, artefacts: Path, model: Path) -> Job:
    """A claimed job that has been segmented and is to be published."""
    study = take_as_stable(orthanc, orthanc_id)
    (made,) = study.jobs.all()
    (t1ce,) = dicom_study.glob("*t1ce")
    write_segmentation(segmentation_on(read_series(sorted(t1ce.iterdir()))), job_folder(made.pk).inferred)
    Job.objects.update(stage=Job.Stage.PUBLISH)
    return claim()
