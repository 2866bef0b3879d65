"""What is known of one model, for those who read its numbers: all from its own folder, and nothing measured anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from review.active_model import InstalledModel, active_model, models_on_disk
from review.models import Algorithm, Result
from segmentation.errors import BadModelError
from segmentation.model_description import CARD, ModelDescription, describe_model

LONGEST_CARD = 60_000
"""Characters of a card that are read; more is no card."""


class UnknownModelError(Exception):
    """No such model is installed, and none of its results are here."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One version of a model and what its files say."""

    name: str
    version: str
    statement: str
    is_demo: bool
    is_active: bool
    """New jobs get it where their rule names no other."""
    n_results: int
    """Current results that it made."""
    description: ModelDescription | None
    """None where its folder is no longer there."""
    card: str
    """Markdown, empty where the folder holds none."""

    @property
    def title(self) -> str:
        """Name and version, as results name it."""
        return f"{self.name} {self.version}"


def facts_of_model(name: str, version: str) -> ModelFacts:
    """What is known of a model that is installed, or that made a result that is here.

    Raises:
        UnknownModelError: neither.
        BadModelError: the description of an installed model is damaged.
    """
    made = Result.objects.filter(model_name=name, model_version=version)
    installed = _installed(name, version)
    if installed is not None:
        description, identity = describe_model(installed.folder), installed.identity
        card, said, is_demo = card_in(installed.folder), identity.statement, identity.is_demo
    else:
        description, card = None, ""
        said, is_demo = _kept_with_results(name, version)
    return ModelFacts(
        name,
        version,
        said,
        is_demo,
        is_active=installed is not None and _is_active(installed),
        n_results=made.filter(superseded_by=None, study__deleted_at=None).count(),
        description=description,
        card=card,
    )


def _installed(name: str, version: str) -> InstalledModel | None:
    wanted = (name, version)
    return next(
        (one for one in models_on_disk() if (one.identity.name, one.identity.version) == wanted), None
    )


def _kept_with_results(name: str, version: str) -> tuple[str, bool]:
    """Statement of a model that is gone, and whether it was a demo, as results or the list of models keep it."""
    result = Result.objects.filter(model_name=name, model_version=version).order_by("-created_at").first()
    if result is not None:
        return result.model_statement, result.model_is_demo
    row = Algorithm.objects.filter(name=name, version=version).first()
    if row is None:
        raise UnknownModelError(f"No model {name} {version} is installed, and no result of it is here.")
    return row.statement, row.is_demo


def _is_active(model: InstalledModel) -> bool:
    try:
        return active_model().identity == model.identity
    except BadModelError:
        return False


def card_in(folder: Path) -> str:
    """The card of a model folder as it stands there; empty where there is none."""
    path = folder / CARD
    return path.read_text(errors="replace")[:LONGEST_CARD] if path.is_file() else ""
