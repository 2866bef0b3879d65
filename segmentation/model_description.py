"""What an installed model says about itself, without its weights: web and follower read it and never load torch.

A model is a folder of `model.json`, `weights.safetensors` and `CARD.md`. `model.json` names the model, says what every
read-out has to show about it, describes the networks, carries the checksum of the weights and the figures of its
volume intervals.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from segmentation.accuracy import Accuracy, accuracy_from
from segmentation.errors import BadModelError
from segmentation.interval import IntervalCalibration
from segmentation.presence import PresenceRule
from segmentation.trust import TrustCalibration
from segmentation.types import ModelIdentity, Normalisation, Phase
from segmentation.whole_file import write_whole

FORMAT = 1
PACKAGED_ROOT = Path(__file__).parent / "models"
DESCRIPTION, WEIGHTS, CARD = "model.json", "weights.safetensors", "CARD.md"

RANK_DEMO, RANK_BASELINE, RANK_INTERIM, RANK_PUBLISHED, RANK_OWN = 0, 20, 40, 50, 80
"""Of the installed models, the one of the highest rank is the default. Interim: ours, where the published one measured
better before surgery. Baselines are there to be compared with."""
ARCHITECTURE, BASELINE = "architecture", "segresnet"
SHAPE: dict[str | None, dict[str, int]] = {
    None: {"in_channels": 4, "classes": 2},
    BASELINE: {"in_channels": 4, "regions": 3},
}
"""What is the same in every model of an architecture: four sequences in, tumour or not out."""


@dataclass(frozen=True, slots=True)
class CascadeConfig:
    """The shape that all nine networks of a model share."""

    base_channels: int = 32
    in_channels: int = 4
    classes: int = 2
    normalisation: Normalisation = Normalisation.VOLUME


@dataclass(frozen=True, slots=True)
class BaselineConfig:
    """The shape of the one network of the AR baseline (Myronenko's)."""

    patch_zyx: tuple[int, int, int]
    """What it is trained on and slides over the brain with."""
    base_channels: int = 32
    in_channels: int = 4
    regions: int = 3
    """Whole tumour, tumour core, enhancing tumour: nested, each a yes or no."""


Config = CascadeConfig | BaselineConfig


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What model.json says, but for the checksum."""

    identity: ModelIdentity
    rank: int
    config: Config
    interval: IntervalCalibration | None = None
    phases: tuple[Phase, ...] = ()
    """Phases whose images it was trained on; empty where it does not say."""
    trust: TrustCalibration | None = None
    presence: PresenceRule | None = None
    """When its enhancing tumour is believed; None where that of the published weights applies."""
    accuracy: Accuracy | None = None
    """How well its outlines met those of readers; None where that was not measured."""


def store_calibration(folder: Path, interval: IntervalCalibration, trust: TrustCalibration) -> None:
    """Put the figures of a calibration into an installed model's description."""
    description, checksum = read_description(folder)
    write_description(folder, replace(description, interval=interval, trust=trust), checksum)


def store_presence(folder: Path, rule: PresenceRule) -> None:
    """Put the rule on enhancing tumour into an installed model's description."""
    description, checksum = read_description(folder)
    write_description(folder, replace(description, presence=rule), checksum)


def store_accuracy(folder: Path, accuracy: Accuracy) -> None:
    """Put measured figures into an installed model's description."""
    description, checksum = read_description(folder)
    write_description(folder, replace(description, accuracy=accuracy), checksum)


def describe_model(folder: Path) -> ModelDescription:
    """What a model says about itself, without reading its weights.

    Raises:
        BadModelError: `model.json` is missing, damaged, or of another format.
    """
    return read_description(folder)[0]


def installed_models(roots: Sequence[Path]) -> dict[Path, ModelDescription]:
    """All readable model folders under the roots, best first."""
    found = {
        path.parent: describe_model(path.parent)
        for root in roots
        for path in sorted(root.glob(f"*/{DESCRIPTION}"))
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1].rank, item[1].identity.name, str(item[0]))))


def find_model(name_or_folder: str | None, roots: Sequence[Path]) -> Path:
    """The folder of a model, by its folder or its name; of the best installed one where None is asked.

    Raises:
        BadModelError: nothing of that name, or nothing at all, is installed.
    """
    if name_or_folder is not None and (Path(name_or_folder) / DESCRIPTION).is_file():
        return Path(name_or_folder)
    models = installed_models(roots)
    for folder, description in models.items():
        if name_or_folder in (None, description.identity.name, folder.name):
            return folder
    names = ", ".join(description.identity.name for description in models.values()) or "none"
    asked = (
        "No model" if name_or_folder is None else f"No model called {name_or_folder!r}, and no such folder,"
    )
    searched = ", ".join(str(root) for root in roots)
    raise BadModelError(f"{asked} is installed (installed: {names}; searched: {searched}).")


def read_description(folder: Path) -> tuple[ModelDescription, str]:
    """The description and the checksum of the weights.

    Raises:
        BadModelError: `model.json` is missing, damaged, or of another format.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise BadModelError(f"{folder} is not a model folder: {DESCRIPTION} is missing.")
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        version = content["format"]
        if version != FORMAT:
            raise BadModelError(
                f"{path} has format {version}; this software reads format {FORMAT}. Import it again."
            )
        description = ModelDescription(
            identity=ModelIdentity(**content["identity"]),
            rank=int(content["rank"]),
            config=_config_from(content["networks"]),
            interval=_interval_from(content["interval"]),
            phases=tuple(Phase(phase) for phase in content["phases"]),
            # Models of earlier versions lack these entries.
            trust=TrustCalibration(**content["trust"]) if content.get("trust") else None,
            presence=PresenceRule(**content["presence"]) if content.get("presence") else None,
            accuracy=accuracy_from(content["accuracy"]) if content.get("accuracy") else None,
        )
        return description, str(content["weights_sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadModelError(f"{path} is damaged ({error}). Import or install the model again.") from error


def write_description(folder: Path, description: ModelDescription, checksum: str) -> None:
    """Write model.json; `checksum` is the SHA-256 of the weights."""
    content = {
        "format": FORMAT,
        "identity": asdict(description.identity),
        "rank": description.rank,
        "phases": list(description.phases),
        "networks": _config_content(description.config),
        "weights_sha256": checksum,
        "interval": asdict(description.interval) if description.interval else None,
        "trust": asdict(description.trust) if description.trust else None,
        "presence": asdict(description.presence) if description.presence else None,
        "accuracy": asdict(description.accuracy) if description.accuracy else None,
    }
    write_whole(folder / DESCRIPTION, (json.dumps(content, indent=2) + "\n").encode())


def _config_from(networks: dict[str, Any]) -> Config:
    """Cascades do not name their architecture."""
    architecture = networks.get(ARCHITECTURE)
    if architecture not in (None, BASELINE):
        raise ValueError(f"unknown architecture {architecture!r}")
    sizes = {name: networks[name] for name in ("base_channels", *SHAPE[architecture])}
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}")
        if name in SHAPE[architecture] and value != SHAPE[architecture][name]:
            raise ValueError(f"{name} is {value}, this software has {SHAPE[architecture][name]}")
    if architecture is None:
        return CascadeConfig(**networks | {"normalisation": Normalisation(networks["normalisation"])})
    rest = {name: value for name, value in networks.items() if name != ARCHITECTURE}
    return BaselineConfig(**rest | {"patch_zyx": tuple(networks["patch_zyx"])})


def _interval_from(content: dict[str, Any] | None) -> IntervalCalibration | None:
    if not content:
        return None
    for name, value in content["multipliers"].items():
        if not isinstance(value, int | float) or not value > 0:
            raise ValueError(f"the interval's multiplier of {name} is {value!r}")
    return IntervalCalibration(**content)


def _config_content(config: Config) -> dict[str, Any]:
    named = {ARCHITECTURE: BASELINE} if isinstance(config, BaselineConfig) else {}
    return named | asdict(config)
