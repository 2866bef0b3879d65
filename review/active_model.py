"""Which installed model new jobs get. Reads descriptions only, so that web and follower never load torch.

In this order: the model that the study's rule names, the one an admin made active, the site's setting, the installed
one of the highest rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from review.models import Algorithm
from segmentation import model_description
from segmentation.errors import BadModelError
from segmentation.types import ModelIdentity


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model folder and what it says about itself; the highest rank is taken where no model is named."""

    folder: Path
    identity: ModelIdentity
    rank: int


def models_on_disk() -> list[InstalledModel]:
    """Every model under the site's model folders, best first.

    Raises:
        BadModelError: a description is damaged.
    """
    found = model_description.installed_models([Path(root) for root in settings.MODEL_DIRS])
    return [InstalledModel(folder, told.identity, told.rank) for folder, told in found.items()]


def active_model(name: str = "") -> InstalledModel:
    """The model of that name, or the active one, or the site's setting, or the best installed one.

    Of a name that is installed in several versions, the active one is taken, else the one of the highest rank.

    Raises:
        BadModelError: nothing of that name, or nothing at all, is installed; or the active one is gone.
    """
    row = Algorithm.objects.filter(is_active=True).first()
    if row is not None and name in ("", row.name):
        return installed_version(row.name, row.version, what="which is the active one,")
    wanted = name or settings.MODEL
    models = models_on_disk()
    for model in models:
        if wanted in ("", model.identity.name, model.folder.name):
            return model
    names = ", ".join(model.identity.name for model in models) or "none"
    asked = f"The model {wanted!r}" if wanted else "No segmentation model"
    raise BadModelError(f"{asked} is {'not ' if wanted else ''}installed (installed: {names}).")


def installed_version(name: str, version: str, what: str = "of this job") -> InstalledModel:
    """One version of a model, such as that of a job that was made earlier; `what` is it, for the message.

    Raises:
        BadModelError: it is no longer installed.
    """
    for model in models_on_disk():
        if (model.identity.name, model.identity.version) == (name, version):
            return model
    raise BadModelError(f"The model {name} {version} {what} is no longer installed.")
