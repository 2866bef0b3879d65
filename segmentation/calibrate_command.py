"""`python -m segmentation calibrate`: a model's intervals and trust score, from labelled cases, in one command.

Each case is run as it is and in three degraded states made of it; the runs of one patient are always left out
together. A site can so set any model on cases of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.calibration import Run, calibrate_model, run_of, runs_in
from segmentation.calibration_plot import write_calibration_plot
from segmentation.calibration_table import left_out_table
from segmentation.case_folder import read_json, write_json
from segmentation.command_options import SOME_FAILED, add_run_options, model_roots
from segmentation.degrade import Degradation
from segmentation.entrants import one_model
from segmentation.errors import BadInputError
from segmentation.evaluate_command import add_cases_options, evaluate_all
from segmentation.model_description import find_model
from segmentation.training.phantom_cases import write_phantom_cases

PHANTOMS = "phantom:"
FIRST_PHANTOM = 9001
"""Far from the seeds that training makes."""


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `calibrate`."""
    parser.description = (
        "Run labelled cases, sharp and degraded, and put interval and trust figures into the model."
    )
    parser.add_argument("model", metavar="MODEL", help="name or folder of the model")
    add_cases_options(parser, optional=True)
    parser.add_argument(
        "--figures",
        type=Path,
        nargs="+",
        metavar="JSON",
        help="instead of CASES_DIR: what `calibrate --json` or `evaluate --degraded` wrote, such as that of folds",
    )
    parser.add_argument("--cases", required=True, help="which cases these are, in words: 'held-out phantoms'")
    parser.add_argument(
        "--sharp-only",
        action="store_true",
        help="leave the degraded states out: a quarter of the time, and intervals for good images only",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="keep the figures of every run")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw stated against observed coverage")
    add_run_options(parser)
    parser.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    folder = find_model(options.model, model_roots())
    runs, failed = _runs(options, folder)
    intervals, trust = calibrate_model(folder, runs, options.cases)
    for name, multiplier in intervals.multipliers.items():
        print(f"{name}: multiplier {multiplier:.2f}, left-out coverage {intervals.coverage[name]:.3f}")
    print(
        f"trust: {trust.intercept:.3f} + {trust.slope:.3f} x agreement, correlation {trust.correlation:.2f}"
    )
    print(left_out_table(runs))
    if options.plot:
        write_calibration_plot(options.plot, runs)
    return SOME_FAILED if failed else 0


def _runs(options: argparse.Namespace, folder: Path) -> tuple[list[Run], bool]:
    """The labelled runs, and whether a case could not be evaluated."""
    if bool(options.figures) == bool(options.cases_dir):
        raise BadInputError("Give either a folder of cases or --figures.")
    if options.figures:
        return runs_in(read_json(path) for path in options.figures), False
    kinds = (Degradation.NONE,) if options.sharp_only else tuple(Degradation)
    with _labelled_cases(options):
        for (progress,) in evaluate_all(options, [one_model(folder, options.device)], kinds):
            if options.json:
                # After every run: what is done survives an interruption.
                write_json(options.json, progress.content())
    return [run_of(case) for case in progress.done], bool(progress.failed)


@contextmanager
def _labelled_cases(options: argparse.Namespace) -> Iterator[None]:
    """The folder of cases; synthetic ones are made for as long as they are needed."""
    asked = str(options.cases_dir)
    if not asked.startswith(PHANTOMS):
        yield
        return
    count = asked.removeprefix(PHANTOMS)
    if not count.isdigit():
        raise BadInputError(f"{asked!r}: expected phantom:N with a number N.")
    with tempfile.TemporaryDirectory() as made:
        seeds = range(FIRST_PHANTOM, FIRST_PHANTOM + int(count))
        write_phantom_cases(Path(made), seeds, processes=os.cpu_count() or 1)
        options.cases_dir, options.input = Path(made), "prepared"
        yield
