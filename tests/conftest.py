"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real cases and published weights beside the checkout; tests skip where it is absent."""
    folder = Path(os.environ.get("GLIOMA_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "weights" / "cacnn17.safetensors").is_file():
        pytest.skip("needs the real cases and weights of ../shared, which are not on this machine")
    return folder
