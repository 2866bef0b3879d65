"""The options of `train`, and what they say about the schedule."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from segmentation.errors import BadInputError
from segmentation.network import Task, View
from segmentation.training.augment import NO_AUGMENTATION, Augmentation
from segmentation.training.learner import Settings
from segmentation.training.sampling import Sampling

PATCHES_DHW = {
    Task.WHOLE_TUMOUR: (19, 144, 144),
    Task.TUMOUR_CORE: (19, 96, 96),
    Task.ENHANCING: (19, 64, 64),
}
"""CA-CNN's configured patches: 19 slices in, 11 labelled."""
RANGES = {
    "batch": (1, math.inf),
    "epochs": (1, math.inf),
    "validate_every": (1, math.inf),
    "patience": (1, math.inf),
    "lr": (0, math.inf),
    "cross_entropy": (0, math.inf),
    "l2": (0, math.inf),
    "kl": (0, math.inf),
    "averaging": (0, 1),
    "dropout": (0, 1),
    "validation": (0, 1),
}
"""Least value of an option, and what it stays below."""
GOES_ON = "Stopped before the end; the same command with --resume goes on."
Choice = TypeVar("Choice", Task, View)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `train`."""
    parser.description = "Train the cascade on prepared, labelled cases and write a model folder."
    cases = parser.add_argument_group("cases")
    cases.add_argument(
        "--cases",
        required=True,
        nargs="+",
        help="folders of case folders; phantom:N makes N synthetic ones",
    )
    cases.add_argument(
        "--validation", type=float, default=0.2, help="part of the cases put aside (default 0.2)"
    )
    cases.add_argument(
        "--folds", type=int, metavar="K", help="cross-validation: parts the patients fall into"
    )
    cases.add_argument("--fold", type=int, metavar="I", help="which part (0 to K-1) this model never sees")
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
    place.add_argument(
        "--search",
        type=int,
        metavar="N",
        help="instead of a model: try N settings of rate, dropout, batch and loss weights, and write the best down",
    )


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
    group.add_argument(
        "--baseline",
        action="store_true",
        help="train the AR baseline instead of the cascade: Myronenko's network, by MONAI",
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
    group.add_argument("--no-autoencoder", action="store_true", help="train CA-CNN without the AR branch")
    group.add_argument(
        "--l2", type=float, default=0.1, help="weight of the autoencoder's reconstruction (default 0.1)"
    )
    group.add_argument("--kl", type=float, default=0.1, help="weight of its KL divergence (default 0.1)")
    group.add_argument(
        "--dropout",
        type=float,
        default=0.0,
        help="part of the feature channels that a training step does without (default 0)",
    )
    group.add_argument(
        "--freeze-first-block",
        action="store_true",
        help="leave the layers at full resolution as --init-from has them: nearly twice the steps on a CPU",
    )
    group.add_argument(
        "--averaging", type=float, default=0.0, help="keep a running average of the weights, such as 0.99"
    )
    group.add_argument(
        "--validate-every", type=int, default=200, help="steps between validations and checkpoints"
    )
    group.add_argument(
        "--patience", type=int, default=15, help="validations without gain before a network stops"
    )
    group.add_argument("--seed", type=int, default=0)


def schedule(args: argparse.Namespace, task: Task, cases: int) -> Settings:
    """How the network of `task` is trained; `cases` turns epochs into iterations.

    Raises:
        BadInputError: a value is out of its range, or cannot be read.
    """
    for option, (low, below) in RANGES.items():
        value = getattr(args, option)
        if value is not None and not low <= value < below:
            raise BadInputError(
                f"--{option.replace('_', '-')} {value:g}: expected {low:g} or more, below {below:g}."
            )
    sampling = Sampling(
        patch_dhw=_patch(args.patch, task),
        batch_size=args.batch,
        foreground_chance=_number(args.foreground, task, "--foreground"),
        augmentation=NO_AUGMENTATION if args.no_augmentation else Augmentation(),
    )
    iterations = int(_number(args.iterations, task, "--iterations"))
    if iterations < 1:
        raise BadInputError(f"--iterations {args.iterations}: expected at least one step.")
    return Settings(
        sampling=sampling,
        iterations=iterations if args.epochs is None else max(1, args.epochs * cases // args.batch),
        learning_rate=args.lr,
        cross_entropy_weight=args.cross_entropy,
        l2_weight=0.0 if args.no_autoencoder else args.l2,
        kl_weight=0.0 if args.no_autoencoder else args.kl,
        dropout=args.dropout,
        freeze_first_block=args.freeze_first_block,
        averaging=args.averaging,
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


def chosen(text: str, kind: type[Choice]) -> list[Choice]:
    """The tasks or views that a list of words names."""
    try:
        return [kind(word) for word in text.split(",")]
    except ValueError:
        raise BadInputError(f"{text!r}: choose among {', '.join(kind)}.") from None


def deadline(minutes: float | None) -> Callable[[], bool]:
    """Whether the time is up, counted from now."""
    if minutes is None:
        return lambda: False
    end = time.monotonic() + 60 * minutes
    return lambda: time.monotonic() > end
