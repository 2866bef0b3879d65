"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import reachable_folder

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real cases and published weights beside the checkout; tests skip where it is absent."""
    folder = Path(os.environ.get("GLIOMA_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "weights" / "cacnn17.safetensors").is_file():
        pytest.skip("needs the real cases and weights of ../shared, which are not on this machine")
    return folder


@pytest.fixture(scope="module")
def server_folder() -> Iterator[Path]:
    """A temporary folder for servers' data, removed when the module's tests are done."""
    folder = reachable_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
