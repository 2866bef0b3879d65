"""CARD.md of a trained model: what it is, what it learned from, what it reaches, what it is not for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segmentation.model_description import CARD, BaselineConfig, Config
from segmentation.training.checkpoint import Progress
from segmentation.types import ModelIdentity

REPRODUCTION_HEADING = "## How to make it again"
CASES_HEADING = "## What it learned from"
LICENCE_HEADING = "## Licence of the weights"
"""Begins the last section of a card whose weights began as somebody else's."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How a model came about: enough to make it again."""

    command: str
    cases: str
    """In words: which cases, how many for training and how many for validation."""
    seed: int
    torch_version: str
    device: str
    trained: Mapping[str, Progress]
    """By the networks' names."""
    licence: str = ""
    """Section of the warm start's card, whose notice goes along."""


def card_of(folder: Path) -> str:
    """The card of a model; empty where its folder has none."""
    path = folder / CARD
    return path.read_text() if path.is_file() else ""


def commands_in(card: str) -> list[str]:
    """The commands that made a model, as its card gives them; none where it gives none."""
    _, _, after = card.partition(REPRODUCTION_HEADING)
    block = after.split("```")[1:2]
    return block[0].strip().splitlines() if block else []


def cases_in(card: str) -> str:
    """What a card says about the cases the model learned from; empty where it says nothing."""
    _, _, after = card.partition(CASES_HEADING)
    return after.partition("\n## ")[0].strip()


def licence_in(card: str) -> str:
    """The section on the licence of a card's weights; empty where there is none."""
    _, heading, text = card.partition(LICENCE_HEADING)
    return (heading + text).strip()


def write_card(identity: ModelIdentity, config: Config, how: Reproduction, held_out: str = "") -> str:
    """The card as Markdown; `held_out` is the section on cases that training never saw."""
    kind = "A demo model, not for patients." if identity.is_demo else "Research use, not a medical device."
    return f"""# {identity.name} {identity.version}

**{identity.statement}** {kind}

## What it is
{_networks(config)} Input: FLAIR, T1, T1CE, T2 on one 1 mm grid, skull-stripped. Weights are stored in float16 and
computed with in float32 or bfloat16.

{CASES_HEADING}
{how.cases}

{REPRODUCTION_HEADING}
Seed {how.seed}, PyTorch {how.torch_version} on {how.device}:

```
{how.command}
```

{_judged(config)} (the best point of `losses.csv`):

| network | Dice | best iteration | iterations | minutes |
|---|---|---|---|---|
{_network_rows(how.trained)}
{held_out}
## Limits
{_limits(identity)}
{how.licence}
"""


def held_out_section(cases: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Table of the whole cascade's Dice on held-out cases; `rows` is compartment -> mean, median, sd."""
    lines = "\n".join(
        f"| {name} | {row['mean']:.3f} | {row['median']:.3f} | {row['sd']:.3f} |"
        for name, row in rows.items()
    )
    return f"""
## What it reaches
The whole cascade, boxes found by itself, on {cases}:

| compartment | mean Dice | median | SD |
|---|---|---|---|
{lines}
"""


def _networks(config: Config) -> str:
    channels = f"{config.base_channels} channels"
    if isinstance(config, BaselineConfig):
        patch = " x ".join(str(side) for side in config.patch_zyx)
        return f"""The AR baseline, to compare others with: Myronenko's network (BrainLes 2018) as MONAI's SegResNetVAE,
one network for the three regions, {channels} in its first block, patches of {patch} voxels (z, y, x)."""
    return f"""Nine networks of the CA-CNN cascade (whole tumour, tumour core, enhancing tumour; axial, sagittal and
coronal view), {channels} in every block, normalised by the statistics of the volume that is running."""


def _judged(config: Config) -> str:
    if isinstance(config, BaselineConfig):
        return "Validation Dice, mean of the three regions over whole brains"
    return "Validation Dice of each network alone, on whole regions cut by the true boxes"


def _network_rows(trained: Mapping[str, Progress]) -> str:
    return "\n".join(
        f"| {name} | {progress.best_dice:.3f} | {progress.best_iteration} | {progress.iteration} "
        f"| {progress.seconds / 60:.1f} |"
        for name, progress in trained.items()
    )


def _limits(identity: ModelIdentity) -> str:
    if identity.is_demo:
        return (
            "It has seen no patient. It shows that the software works from end to end; on real images its overlay "
            "and its volumes mean nothing. Install a research model and make it the active one for anything else."
        )
    return "Gliomas of adults only; other lesions, children, and sequences unlike those above were not seen."
