"""`python -m segmentation train`: nine networks from labelled cases to an installed model."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from segmentation.case_folder import case_folders
from segmentation.errors import BadInputError, BadModelError
from segmentation.network import Task, View
from segmentation.registry import CARD, CascadeConfig, load_model
from segmentation.training.augment import NO_AUGMENTATION, Augmentation
from segmentation.training.card import REPRODUCTION_HEADING, Reproduction
from segmentation.training.cascade import CascadeTraining, NetworkKey, collect_weights, write_trained_model
from segmentation.training.checkpoint import Progress
from segmentation.training.dataset import CaseSplit, read_cases, split_cases
from segmentation.training.held_out import add_held_out_figures
from segmentation.training.phantom_cases import write_phantom_cases
from segmentation.training.sampling import Sampling
from segmentation.training.trainer import Machine, Settings
from segmentation.types import ModelIdentity, Phase

PHANTOM = "phantom"
PATCHES_DHW = {
    Task.WHOLE_TUMOUR: (19, 144, 144),
    Task.TUMOUR_CORE: (19, 96, 96),
    Task.ENHANCING: (19, 64, 64),
}
"""CA-CNN's configured patches: 19 slices in, 11 labelled."""
HELD_OUT_SEED_OFFSET = 500_000
"""Held-out phantoms are numbered from here, so that they are never those of the training."""

NOT_IN_CARD = ("help", "work", "resume", "minutes", "threads")
UNFINISHED = 3
Choice = TypeVar("Choice", Task, View)
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`."""
    parser.description = "Train the cascade on prepared, labelled cases and write a model folder."
    cases = parser.add_argument_group("cases")
    cases.add_argument(
        "--cases", required=True, help="folder of case folders, or phantom:N to make N synthetic ones"
    )
    cases.add_argument(
        "--validation", type=float, default=0.2, help="part of the cases put aside (default 0.2)"
    )
    cases.add_argument(
        "--held-out", help="folder or phantom:N; the finished cascade is evaluated on it for the card"
    )
    _add_model_arguments(parser.add_argument_group("model"))
    _add_schedule_arguments(parser.add_argument_group("schedule"))
    place = parser.add_argument_group("machine")
    place.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    place.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    place.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's choice)")
    place.add_argument(
        "--work", type=Path, help="folder of checkpoints and made cases (default OUT/training)"
    )
    place.add_argument("--resume", action="store_true", help="go on from the checkpoints in the work folder")
    place.add_argument("--minutes", type=float, help="stop after this time; --resume goes on")


def _add_model_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--out", type=Path, required=True, help="model folder to write")
    group.add_argument("--name", help="name of the model (default: the folder's)")
    group.add_argument("--version", default="1")
    group.add_argument("--statement", help="sentence that every read-out shows about the model")
    group.add_argument(
        "--phases", default="", help="phases that the cases cover: preop, postop or preop,postop"
    )
    group.add_argument("--demo", action="store_true", help="mark the model as a demo model, below all others")
    group.add_argument(
        "--base-channels", type=int, help="channels of every block (default 32, or --init-from's)"
    )
    group.add_argument(
        "--init-from", type=Path, help="model folder to start from; gives untrained networks too"
    )
    group.add_argument("--tasks", default="wt,tc,en", help="networks to train (default wt,tc,en)")
    group.add_argument("--views", default="ax,sg,cr", help="views to train (default ax,sg,cr)")


def _add_schedule_arguments(group: argparse._ArgumentGroup) -> None:
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--iterations", default="20000", help="steps per network, N or wt=N,tc=N,en=N (default 20000)"
    )
    length.add_argument("--epochs", type=int, help="instead: passes, each of one patch per case")
    group.add_argument(
        "--follow-first-view",
        type=float,
        metavar="PART",
        help="start the other views from the first one's weights and train them for this part of the steps",
    )
    group.add_argument("--patch", help="DxHxW for all networks, or wt=19x144x144,tc=...")
    group.add_argument("--batch", type=int, default=5)
    group.add_argument("--lr", type=float, default=1e-3)
    group.add_argument(
        "--cross-entropy", type=float, default=0.3, help="weight beside the Dice loss (default 0.3)"
    )
    group.add_argument(
        "--foreground",
        default="0.7",
        help="part of the patches centred on the target, P or wt=P,tc=P,en=P (default 0.7)",
    )
    group.add_argument("--no-augmentation", action="store_true")
    group.add_argument(
        "--validate-every", type=int, default=200, help="steps between validations and checkpoints"
    )
    group.add_argument(
        "--patience", type=int, default=15, help="validations without gain before a network stops"
    )
    group.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Train; returns 0 when the model is written, 3 when time ran out or networks are still missing."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.threads:
        torch.set_num_threads(args.threads)
    machine = _machine(args)
    work = args.work or args.out / "training"
    split = _read_split(args, work)
    log.info(
        "%d cases for training, %d for validation, on %s in %s",
        *(
            len(split.training),
            len(split.validation),
            machine.device,
            "bfloat16" if machine.half else "float32",
        ),
    )
    warm_start = load_model(args.init_from, device="cpu", precision="fp32") if args.init_from else None
    config = _config(args, warm_start.config if warm_start else None)
    tasks, views = _chosen(args.tasks, Task), _chosen(args.views, View)
    training = CascadeTraining(
        config=config,
        split=split,
        settings={task: _settings(args, task, len(split.training)) for task in tasks},
        machine=machine,
        work=work,
        warm_start=warm_start,
        follow_first_view=args.follow_first_view,
    )
    trained = training.run(tasks, views, args.resume, _deadline(args.minutes))
    if trained is None:
        log.info("Stopped before the end; the same command with --resume goes on.")
        return UNFINISHED
    weights = collect_weights(trained, warm_start)
    if len(trained) < len(Task) * len(View) and warm_start is None:
        log.info(
            "Only a part of the cascade is trained, so no model is written. Train the rest into the same --work"
        )
        log.info("folder, then run once more with --resume and without --tasks and --views.")
        return UNFINISHED
    phases = tuple(Phase(word) for word in args.phases.split(",") if word)
    how = _reproduction(args, split, machine, trained)
    write_trained_model(args.out, _identity(args), phases, config, weights, how)
    log.info("Wrote %s", args.out)
    if args.held_out:
        held_out = _folders(args.held_out, work / "held-out", args.seed + HELD_OUT_SEED_OFFSET, args.threads)
        _add_held_out_figures(args, held_out, how)
    return 0


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


def _read_split(args: argparse.Namespace, work: Path) -> CaseSplit:
    folders = _folders(args.cases, work / "cases", args.seed, args.threads)
    return split_cases(read_cases(folders), args.validation, args.seed)


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


def _settings(args: argparse.Namespace, task: Task, cases: int) -> Settings:
    sampling = Sampling(
        patch_dhw=_patch(args.patch, task),
        batch_size=args.batch,
        foreground_chance=_number(args.foreground, task, "--foreground"),
        augmentation=NO_AUGMENTATION if args.no_augmentation else Augmentation(),
    )
    iterations = int(_number(args.iterations, task, "--iterations"))
    return Settings(
        sampling=sampling,
        iterations=iterations if args.epochs is None else max(1, args.epochs * cases // args.batch),
        learning_rate=args.lr,
        cross_entropy_weight=args.cross_entropy,
        validate_every=args.validate_every,
        patience=args.patience,
        seed=args.seed,
    )


def _patch(text: str | None, task: Task) -> tuple[int, int, int]:
    """The patch of `task`; CA-CNN's where nothing is said."""
    size = _for_task(text or "", task)
    if size is None:
        return PATCHES_DHW[task]
    numbers = size.split("x")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        raise BadInputError(f"--patch {size}: expected three numbers as in 19x144x144.")
    depth, height, width = (int(number) for number in numbers)
    if depth < 9 or height % 4 or width % 4:
        raise BadInputError(f"--patch {size}: at least 9 slices, height and width multiples of 4.")
    return depth, height, width


def _number(text: str, task: Task, option: str) -> float:
    value = _for_task(text, task)
    try:
        return float(value or "")
    except ValueError:
        raise BadInputError(
            f"{option} {text}: expected a number, or one for each of wt, tc and en."
        ) from None


def _for_task(text: str, task: Task) -> str | None:
    """What `VALUE` or `wt=VALUE,tc=VALUE,...` says about a task; None where it says nothing."""
    for part in text.split(","):
        name, _, value = part.rpartition("=")
        if value and name in ("", task.value):
            return value
    return None


def _chosen(text: str, kind: type[Choice]) -> list[Choice]:
    try:
        return [kind(word) for word in text.split(",")]
    except ValueError:
        raise BadInputError(f"{text!r}: choose among {', '.join(kind)}.") from None


def _deadline(minutes: float | None) -> Callable[[], bool]:
    if minutes is None:
        return lambda: False
    end = time.monotonic() + 60 * minutes
    return lambda: time.monotonic() > end


def _identity(args: argparse.Namespace) -> ModelIdentity:
    statement = "Trained with this software's own command; research use, not a medical device."
    if args.demo:
        statement = "Demo model; its output on patients means nothing."
    if args.cases.startswith(PHANTOM):
        kind = "Demo model trained" if args.demo else "Trained"
        statement = f"{kind} on synthetic phantoms only; its output on patients means nothing."
    return ModelIdentity(args.name or args.out.name, args.version, args.demo, args.statement or statement)


def _reproduction(
    args: argparse.Namespace, split: CaseSplit, machine: Machine, trained: dict[NetworkKey, Progress]
) -> Reproduction:
    training, validation = len(split.training), len(split.validation)
    source = f"Labelled cases of `{Path(args.cases).name}`"
    if args.cases.startswith(PHANTOM):
        source = (
            "Synthetic phantoms only, made by `segmentation.phantom` (before and after surgery); no patient"
        )
    return Reproduction(
        command="\n".join(
            [*(_commands_behind(args.init_from) if args.init_from else ()), _command_line(args)]
        ),
        cases=f"{source}: {training} cases for training, {validation} others for choosing the best weights.",
        seed=args.seed,
        torch_version=torch.__version__,
        device=f"{machine.device.type} ({'bfloat16' if machine.half else 'float32'})",
        trained=trained,
    )


def _commands_behind(model: Path) -> list[str]:
    """The commands that made the model of a warm start, as its card gives them; none where it gives none."""
    _, _, after = (model / CARD).read_text().partition(REPRODUCTION_HEADING)
    block = after.split("```")[1:2]
    return block[0].strip().splitlines() if block else []


def _command_line(args: argparse.Namespace) -> str:
    """The command as a reader would type it: what was asked for, not where its files lay or how long it took."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["python", "-m", "segmentation", "train"]
    for action in parser._actions:
        value = getattr(args, action.dest, action.default)
        if action.dest in NOT_IN_CARD or value == action.default or not action.option_strings:
            continue
        words.append(action.option_strings[-1])
        if action.nargs != 0:
            words.append(Path(value).name if isinstance(value, Path) else str(value))
    return shlex.join(words)
