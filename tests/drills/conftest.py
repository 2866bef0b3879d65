"""The installation of the end-to-end tests, and all three visits of the phantom."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import stack
from tests.end_to_end.studies import make_phantom

__all__ = ["stack"]


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo patient's three visits as DICOM, with truth.json beside them."""
    folder = tmp_path_factory.mktemp("phantom")
    make_phantom(folder, "--visits", "3")
    return folder
