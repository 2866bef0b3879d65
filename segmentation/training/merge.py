"""One model from the folds of a cross-validation: the mean of their weights.

Networks fine-tuned from one start lie in one basin, so that their mean is a network too (Wortsman et al., Model soups,
ICML 2022). It has learned from every case; the figures in its card are those of the folds, each on cases it never saw.
Mixed with the start's weights, a short training forgets less of what the start knew (Wortsman et al., Robust
fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segmentation.accuracy import Accuracy, MeasuredDice, measured_in
from segmentation.case_folder import read_json
from segmentation.entrants import held_out_of, write_held_out
from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import RANK_INTERIM, RANK_OWN, ModelDescription
from segmentation.network import Task, View
from segmentation.registry import CascadeModel, load_cascade, weight_key, write_model
from segmentation.training.card import card_of, cases_in, commands_in, licence_in
from segmentation.types import ModelIdentity

WHICH_CASES = (
    "Each fold on cases it never saw (the mean of the weights, which is what runs, has seen them all)"
)
STATEMENT = "Fine-tuned from CA-CNN on few cases; research use, not a medical device"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `merge`."""
    parser.description = (
        "Average the weights of models that were trained from one start, such as the folds of one."
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="model folders")
    parser.add_argument("--start", type=Path, metavar="MODEL", help="the model that they were trained from")
    parser.add_argument(
        "--start-share", type=float, default=0.5, help="what part of its weights is mixed in (default 0.5)"
    )
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", help="name of the model (default: the folder's)")
    parser.add_argument("--version", default="1")
    parser.add_argument("--statement", default=STATEMENT, help="sentence that every read-out shows")
    parser.add_argument(
        "--figures", type=Path, nargs="*", default=[], help="JSON of `evaluate --folds`, for the card"
    )
    parser.add_argument(
        "--interim",
        action="store_true",
        help="rank it below the published weights: it measured worse than they did",
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Start:
    """Where the models' training began, and the part of its weights that is mixed in, between 0 and 1."""

    model: CascadeModel
    share: float


def run(args: argparse.Namespace) -> int:
    """Write the merged model."""
    identity = ModelIdentity(args.name or args.out.name, args.version, False, args.statement)
    figures = [_figures(path) for path in args.figures]
    rank = RANK_INTERIM if args.interim else RANK_OWN
    models = [load_cascade(path, "cpu", "fp32") for path in args.models]
    start = Start(load_cascade(args.start, "cpu", "fp32"), args.start_share) if args.start else None
    merge_models(models, args.out, identity, figures, rank, start)
    print(f"{identity.name} {identity.version} is in {args.out}")
    return 0


def _figures(path: Path) -> dict[str, Any]:
    figures = read_json(path)
    if "cases" not in figures:
        raise BadInputError(
            f"{path} holds no figures of one model: it wants the JSON of `evaluate --folds` alone."
        )
    return figures


def merge_models(
    models: Sequence[CascadeModel],
    out: Path,
    identity: ModelIdentity,
    figures: Sequence[Mapping[str, Any]] = (),
    rank: int = RANK_OWN,
    start: Start | None = None,
) -> None:
    """Write a model whose every weight is the mean over `models`, mixed with those of their `start`.

    What all of them held out stays held out: it is written into the model's `fold.json`.

    Raises:
        BadModelError: fewer than two models and no start, or of different shapes.
        BadInputError: the share of the start is none.
    """
    _check_mergeable(models, start)
    weights = {
        weight_key(task, view, name): _mixed(models, start, task, view, name)
        for task in Task
        for view in View
        for name in models[0].networks[task, view].state_dict()
    }
    phases = tuple(dict.fromkeys(phase for model in models for phase in model.phases))
    measured = measured_in(figures)
    description = ModelDescription(
        identity,
        rank,
        models[0].config,
        phases=phases,
        accuracy=Accuracy(measured, WHICH_CASES) if measured else None,
    )
    cards = [card_of(model.folder) for model in models]
    card = _card(identity, cards, _how_made(models, start), _command(models, start, out), measured)
    write_model(out, description, weights, card, dtype=torch.float16)
    if held_out := frozenset.intersection(*(held_out_of(model.folder) for model in models)):
        write_held_out(out, held_out)


def _check_mergeable(models: Sequence[CascadeModel], start: Start | None) -> None:
    if len(models) < 2 and start is None:
        raise BadModelError("Merging needs at least two models, or one and its --start.")
    if start is not None and not 0 < start.share < 1:
        raise BadInputError(f"--start-share {start.share:g}: expected a part between 0 and 1.")
    if any(model.config != models[0].config for model in [*models, *([start.model] if start else [])]):
        raise BadModelError("Models of different sizes cannot be merged.")


def _mixed(
    models: Sequence[CascadeModel], start: Start | None, task: Task, view: View, name: str
) -> torch.Tensor:
    mean = _mean([model.networks[task, view].state_dict()[name] for model in models])
    if start is None:
        return mean
    return mean.lerp(start.model.networks[task, view].state_dict()[name].float(), start.share)


def _how_made(models: Sequence[CascadeModel], start: Start | None) -> str:
    weights = f"the mean of {len(models)} models that were trained from one start on different cases"
    if len(models) == 1:
        weights = "those of one training"
    if start is None:
        return f"Its weights are {weights}."
    own, theirs = round(100 * (1 - start.share)), round(100 * start.share)
    name = start.model.identity.name
    return f"Its weights are {own} % {weights}, and {theirs} % those of the start itself, `{name}`."


def _command(models: Sequence[CascadeModel], start: Start | None, out: Path) -> str:
    mixed = f" --start {start.model.folder.name} --start-share {start.share:g}" if start else ""
    names = " ".join(model.folder.name for model in models)
    return f"python -m segmentation merge {names}{mixed} --out {out.name}"


def figure_rows(rows: Sequence[MeasuredDice]) -> list[str]:
    """Table rows of measured figures: number, mean, median and SD of Dice."""
    return [
        f"| {row.phase} | {row.compartment} | {row.n_cases} | {row.mean:.3f} "
        f"| {_written(row.median)} | {_written(row.sd)} |"
        for row in rows
    ]


def _written(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mean(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack([tensor.float() for tensor in tensors]).mean(0)


def _card(
    identity: ModelIdentity, cards: Sequence[str], made: str, command: str, measured: Sequence[MeasuredDice]
) -> str:
    commands = [*dict.fromkeys(line for card in cards for line in commands_in(card)), command]
    licences = "\n\n".join(dict.fromkeys(text for card in cards if (text := licence_in(card))))
    learned = "\n".join(f"- {text}" for card in cards if (text := cases_in(card)))
    table = "\n".join(figure_rows(measured))
    reached = (
        f"{WHICH_CASES}:\n\n"
        f"| phase | compartment | cases | mean Dice | median | SD |\n|---|---|---|---|---|---|\n{table}"
        if table
        else "Not measured."
    )
    return f"""# {identity.name} {identity.version}

**{identity.statement}**

## What it is
The AR-CA cascade: the nine networks of CA-CNN (whole tumour, tumour core, enhancing tumour; axial, sagittal and
coronal view), trained with autoencoder regularisation. {made}
Input: FLAIR, T1, T1CE, T2 on one 1 mm grid, skull-stripped.

## What it learned from
{learned}

## What it reaches
{reached}

## How to make it again
```
{chr(10).join(commands)}
```

## Limits
Research use, not a medical device. Gliomas of adults only. It has seen no real post-operative image: those it learned
from were simulated from pre-operative ones, and so are the post-operative cases it was measured on.

{licences}
"""
