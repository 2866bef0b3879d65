"""Options and words that several commands of `python -m segmentation` share."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from segmentation.evaluate import Prepare
from segmentation.model_description import PACKAGED_ROOT
from segmentation.prepare import accept_prepared, prepare
from segmentation.types import Phase

MANAGE_FOLDER = Path(__file__).resolve().parent.parent
SOME_FAILED = 1


def model_roots() -> list[Path]:
    """Where models are installed: packaged with the software, and under the data folder GLIOMA_VAR."""
    data_folder = Path(os.environ.get("GLIOMA_VAR") or MANAGE_FOLDER / "var")
    return [PACKAGED_ROOT, data_folder / "models"]


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare which images there are, of which phase, and where to run."""
    inputs = parser.add_argument("--input", choices=("native", "prepared"), default="native")
    inputs.help = "native: as acquired; prepared: registered, 1 mm, skull-stripped (default native)"
    phases = parser.add_argument("--phase", choices=[phase.value for phase in Phase], default="unknown")
    phases.help = "before or after surgery (default unknown)"
    add_device_option(parser)


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """Declare --device."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def prepare_by(options: argparse.Namespace, device: str) -> Prepare:
    """What --input asks for; `device` is where brain extraction runs."""
    if options.input == "prepared":
        return accept_prepared
    return partial(prepare, report=say_step, device=device)


def say_step(step: str) -> None:
    """One step of a case, to stderr."""
    say(f"  {step} ...")


def say(text: str) -> None:
    """One line to stderr, at once."""
    print(text, file=sys.stderr, flush=True)
