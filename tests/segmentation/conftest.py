"""Fixtures of the imaging tests."""

import pytest

from segmentation.cacnn import import_cacnn
from segmentation.registry import CascadeModel, load_model


@pytest.fixture(scope="session")
def published(shared_dir, tmp_path_factory) -> CascadeModel:
    """The published CA-CNN, imported into a temporary model folder."""
    folder = tmp_path_factory.mktemp("models") / "cacnn17"
    import_cacnn(shared_dir / "weights" / "cacnn17.safetensors", folder)
    return load_model(folder, device="cpu")
