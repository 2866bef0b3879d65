"""A real Orthanc for the whole session, and small images with known content."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk

from orthanc.client import OrthancClient
from orthanc.server.process import RunningOrthanc, start_orthanc
from orthanc.study_maker import VisitDescription


@pytest.fixture(scope="session")
def orthanc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrthanc]:
    with start_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def pacs(orthanc_server: RunningOrthanc) -> Iterator[OrthancClient]:
    """A client of an empty Orthanc."""
    with orthanc_server.client() as client:
        for study in client.studies():
            client.delete_study(study)
        yield client


@pytest.fixture
def visit() -> VisitDescription:
    return VisitDescription("PAT-1", "Doe^Jane", "19600102", "F", accession_number="ACC-7", issuer="HOSPITAL")


def rotation(*degrees: float) -> np.ndarray:
    """A rotation about x, then y, then z."""
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.deg2rad(degrees))
    return np.reshape(transform.GetMatrix(), (3, 3))


AXIAL = np.eye(3)
SAGITTAL = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Columns: rows run to P, columns to I, slices to R."""


def ramp_image(
    direction: np.ndarray,
    size: tuple[int, int, int] = (12, 10, 6),
    spacing_mm: tuple[float, ...] = (1.1, 0.9, 3.0),
) -> sitk.Image:
    """A grid on which every voxel has its own value, so that a swapped or shifted axis shows."""
    i, j, k = np.meshgrid(*(np.arange(n) for n in size), indexing="ij")
    image = sitk.GetImageFromArray((i + 20 * j + 400 * k).astype(np.int16).T)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin((-13.5, 7.25, 41.0))
    return image


@pytest.fixture
def four_images() -> dict[str, sitk.Image]:
    """One small study: thick axial T1, T2 and FLAIR, each oblique in its own way; thin sagittal T1CE."""
    return {
        "t1": ramp_image(rotation(3, -2, 1)),
        "t2": ramp_image(rotation(-4, 1, 2)),
        "flair": ramp_image(rotation(1, 5, -3)),
        "t1ce": ramp_image(rotation(2, 3, -4) @ SAGITTAL, (14, 12, 9), (1.0, 1.0, 1.2)),
    }
