"""Which installed model new jobs get. Reads descriptions only, so that web and follower never load torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from segmentation.errors import BadModelError
from segmentation.types import ModelIdentity


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder and what it says about itself; the highest rank is taken where no model is named."""

    folder: Path
    identity: ModelIdentity
    rank: int


def installed_models(roots: Sequence[Path]) -> list[InstalledModel]:
    """Every model under the roots, best first.

    Raises:
        BadModelError: a description is damaged.
    """
    found = [read_model(path.parent) for root in roots for path in sorted(Path(root).glob("*/model.json"))]
    return sorted(found, key=lambda model: (-model.rank, model.identity.name, str(model.folder)))


def read_model(folder: Path) -> InstalledModel:
    """The description of one model folder.

    Raises:
        BadModelError: `model.json` is damaged.
    """
    try:
        content = json.loads((folder / "model.json").read_text())
        return InstalledModel(folder, ModelIdentity(**content["identity"]), int(content["rank"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModelError(f"The model {folder.name} is damaged: {error}") from error


def active_model(name: str = "") -> InstalledModel:
    """The model of that name, or of the site's setting, or the best installed one.

    Raises:
        BadModelError: nothing of that name, or nothing at all, is installed.
    """
    wanted = name or settings.MODEL
    models = installed_models(settings.MODEL_DIRS)
    for model in models:
        if wanted in ("", model.identity.name, model.folder.name):
            return model
    names = ", ".join(model.identity.name for model in models) or "none"
    asked = f"The model {wanted!r}" if wanted else "No segmentation model"
    raise BadModelError(f"{asked} is {'not ' if wanted else ''}installed (installed: {names}).")


def installed_version(name: str, version: str) -> InstalledModel:
    """The model of a job that was made earlier.

    Raises:
        BadModelError: it is no longer installed.
    """
    for model in installed_models(settings.MODEL_DIRS):
        if (model.identity.name, model.identity.version) == (name, version):
            return model
    raise BadModelError(f"The model {name} {version} of this job is no longer installed.")
