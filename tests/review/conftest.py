"""What the domain's tests share: an installed model that is only a description, and a quiet broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings as DjangoSettings

from review import tasks

InstallModel = Callable[..., Path]


@pytest.fixture
def install_model(tmp_path: Path, settings: DjangoSettings) -> InstallModel:
    """Put the description of a model (no weights) where the site looks for models."""
    root = tmp_path / "models"
    settings.MODEL_DIRS = [root]
    settings.MODEL = ""

    def install(name: str = "demo", version: str = "1", rank: int = 0) -> Path:
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        identity = {"name": name, "version": version, "is_demo": True, "statement": "A demo model."}
        (folder / "model.json").write_text(json.dumps({"identity": identity, "rank": rank}))
        return folder

    return install


@pytest.fixture
def model(install_model: InstallModel) -> Path:
    return install_model()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages for which messages go out, in order; nothing reaches the broker."""
    messages: list[str] = []
    for stage, actor in tasks.ACTORS.items():
        monkeypatch.setattr(actor, "send", lambda job_id, stage=stage: messages.append(stage.value))
    return messages
