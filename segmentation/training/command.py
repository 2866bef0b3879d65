"""`python -m segmentation train`: nine networks from labelled cases to an installed model."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from segmentation.case_folder import case_folders
from segmentation.entrants import write_held_out
from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import CascadeConfig
from segmentation.network import Task, View
from segmentation.registry import load_cascade
from segmentation.training.baseline_command import train_baseline
from segmentation.training.card import Reproduction, card_of, commands_in, licence_in
from segmentation.training.cascade import CascadeTraining, Made, collect_weights, write_trained_model
from segmentation.training.checkpoint import Progress
from segmentation.training.command_words import command_line
from segmentation.training.dataset import (
    CaseSplit,
    held_out_patients,
    patient_of,
    read_cases,
    split_cases,
)
from segmentation.training.held_out import add_held_out_figures
from segmentation.training.learner import Machine
from segmentation.training.options import GOES_ON, chosen, deadline, schedule
from segmentation.training.phantom_cases import write_phantom_cases
from segmentation.types import ModelIdentity, Phase

PHANTOM = "phantom"
HELD_OUT_SEED_OFFSET = 500_000
"""Held-out phantoms are numbered from here, so that they are never those of the training."""

UNFINISHED = 3
log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> int:
    """Train; returns 0 when the model is written, 3 when time ran out or networks are still missing."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.threads:
        torch.set_num_threads(args.threads)
    machine = _machine(args)
    work = args.work or args.out / "training"
    held_out_of_fold = _held_out(args, work)
    split = _read_split(args, work, held_out_of_fold)
    log.info(
        "%d cases for training, %d for validation, on %s in %s",
        *(
            len(split.training),
            len(split.validation),
            machine.device,
            "bfloat16" if machine.half else "float32",
        ),
    )
    if args.baseline:
        made = train_baseline(args, split, machine, work)
    else:
        training = _cascade_training(args, split, machine, work)
        if args.search is not None:
            return _search(args, training)
        made = _train_cascade(args, training)
    if made is None:
        return UNFINISHED
    phases = tuple(Phase(word) for word in args.phases.split(",") if word)
    how = _reproduction(args, split, machine, made.trained)
    write_trained_model(args.out, _identity(args), phases, made.config, made.weights, how)
    if held_out_of_fold:
        write_held_out(args.out, (folder.name for folder in held_out_of_fold))
    log.info("Wrote %s", args.out)
    if args.held_out:
        held_out = _folders(args.held_out, work / "held-out", args.seed + HELD_OUT_SEED_OFFSET, args.threads)
        _add_held_out_figures(args, held_out, how)
    return 0


def _cascade_training(
    args: argparse.Namespace, split: CaseSplit, machine: Machine, work: Path
) -> CascadeTraining:
    warm_start = load_cascade(args.init_from, device="cpu", precision="fp32") if args.init_from else None
    if args.freeze_first_block and warm_start is None:
        raise BadInputError("--freeze-first-block keeps layers of a start: name one with --init-from.")
    return CascadeTraining(
        config=_config(args, warm_start.config if warm_start else None),
        split=split,
        settings={task: schedule(args, task, len(split.training)) for task in chosen(args.tasks, Task)},
        machine=machine,
        work=work,
        warm_start=warm_start,
        follow_first_view=args.follow_first_view,
    )


def _train_cascade(args: argparse.Namespace, training: CascadeTraining) -> Made | None:
    tasks, views = chosen(args.tasks, Task), chosen(args.views, View)
    trained = training.run(tasks, views, args.resume, deadline(args.minutes))
    if trained is None:
        log.info(GOES_ON)
        return None
    if len(trained) < len(Task) * len(View) and training.warm_start is None:
        log.info(
            "Only a part of the cascade is trained, so no model is written. Train the rest into the same --work"
        )
        log.info("folder, then run once more with --resume and without --tasks and --views.")
        return None
    weights = collect_weights(trained, training.warm_start)
    return Made(
        training.config, weights, {f"{task} {view}": progress for (task, view), progress in trained.items()}
    )


def _search(args: argparse.Namespace, training: CascadeTraining) -> int:
    if args.search < 1:
        raise BadInputError(f"--search {args.search}: expected how many settings to try, at least 1.")
    if importlib.util.find_spec("optuna") is None:
        raise BadInputError(
            "--search needs Optuna; install it with: pip install -c constraints.txt '.[search]'"
        )
    from segmentation.training.search import Search

    tasks, view = chosen(args.tasks, Task), chosen(args.views, View)[0]
    if Search(args, training, tasks, view, deadline(args.minutes)).run(args.search):
        return 0
    log.info(GOES_ON)
    return UNFINISHED


def _add_held_out_figures(args: argparse.Namespace, cases: list[Path], how: Reproduction) -> None:
    words = f"{len(cases)} cases of `{Path(args.held_out).name}`"
    if args.held_out.startswith(PHANTOM):
        words = f"{len(cases)} further phantoms"
    for name, row in add_held_out_figures(args.out, cases, words, how, args.device).items():
        log.info("%s: mean Dice %.3f, median %.3f", name, row["mean"], row["median"])


def _machine(args: argparse.Namespace) -> Machine:
    has_gpu = torch.cuda.is_available()
    if args.device == "cuda" and not has_gpu:
        raise BadModelError("The device cuda was asked for, but this machine's PyTorch finds no GPU.")
    if has_gpu and args.device != "cpu":
        return Machine(torch.device("cuda"), args.precision != "fp32", loaders=min(8, os.cpu_count() or 1))
    return Machine(
        torch.device("cpu"), args.precision == "bf16" or (args.precision == "auto" and _cpu_has_bf16())
    )


def _cpu_has_bf16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _read_split(args: argparse.Namespace, work: Path, held_out: Sequence[Path]) -> CaseSplit:
    folders = [folder for folder in _case_folders(args, work) if folder not in held_out]
    return split_cases(read_cases(folders), args.validation, args.seed)


def _case_folders(args: argparse.Namespace, work: Path) -> list[Path]:
    return [
        folder
        for source in args.cases
        for folder in _folders(source, work / "cases", args.seed, args.threads)
    ]


def _held_out(args: argparse.Namespace, work: Path) -> list[Path]:
    """The cases of the patients that this fold never sees; none outside a cross-validation."""
    if (args.folds is None) != (args.fold is None):
        raise BadInputError("--folds and --fold belong together.")
    if args.folds is None:
        return []
    folders = _case_folders(args, work)
    patients = {folder: patient_of(folder) for folder in folders}
    aside = held_out_patients(list(patients.values()), args.folds, args.fold, args.seed)
    return [folder for folder, patient in patients.items() if patient in aside]


def _folders(source: str, cache: Path, first_seed: int, processes: int | None) -> list[Path]:
    """Case folders of `source`; phantoms are made into `cache` first."""
    kind, _, count = source.partition(":")
    if kind != PHANTOM:
        return case_folders(Path(source))
    try:
        seeds = range(first_seed, first_seed + int(count or 24))
    except ValueError:
        raise BadInputError(f"{source!r}: expected phantom:N with a number N.") from None
    return write_phantom_cases(cache, seeds, processes or os.cpu_count() or 1)


def _config(args: argparse.Namespace, warm_start: CascadeConfig | None) -> CascadeConfig:
    if warm_start is None:
        return CascadeConfig(base_channels=args.base_channels or 32)
    if args.base_channels not in (None, warm_start.base_channels):
        raise BadModelError(
            f"{args.init_from} has {warm_start.base_channels} base channels, not {args.base_channels}; "
            "leave --base-channels out."
        )
    return warm_start


def _identity(args: argparse.Namespace) -> ModelIdentity:
    statement = "Trained with this software's own command; research use, not a medical device."
    if args.demo:
        statement = "Demo model; its output on patients means nothing."
    if _only_phantoms(args):
        kind = "Demo model trained" if args.demo else "Trained"
        statement = f"{kind} on synthetic phantoms only; its output on patients means nothing."
    return ModelIdentity(args.name or args.out.name, args.version, args.demo, args.statement or statement)


def _reproduction(
    args: argparse.Namespace, split: CaseSplit, machine: Machine, trained: Mapping[str, Progress]
) -> Reproduction:
    training, validation = len(split.training), len(split.validation)
    before = card_of(args.init_from) if args.init_from else ""
    source = "Labelled cases of " + " and ".join(f"`{Path(source).name}`" for source in args.cases)
    if _only_phantoms(args):
        source = (
            "Synthetic phantoms only, made by `segmentation.phantom` (before and after surgery); no patient"
        )
    return Reproduction(
        command="\n".join([*commands_in(before), command_line(args)]),
        cases=f"{source}: {training} cases for training, {validation} others for choosing the best weights.",
        seed=args.seed,
        torch_version=torch.__version__,
        device=f"{machine.device.type} ({'bfloat16' if machine.half else 'float32'})",
        trained=trained,
        licence=licence_in(before),
    )


def _only_phantoms(args: argparse.Namespace) -> bool:
    return all(source.startswith(PHANTOM) for source in args.cases)
