"""`python -m segmentation tune-presence`: from which evidence on a model's enhancing tumour is believed."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from segmentation.case_folder import case_folders
from segmentation.command_options import SOME_FAILED, add_run_options, model_roots, prepare_by, say
from segmentation.entrants import Entrant, cross_validation, one_model
from segmentation.errors import BadInputError
from segmentation.evaluate import read_labelled_case
from segmentation.evaluate_command import add_cases_options
from segmentation.model_description import find_model, store_presence
from segmentation.presence import PresenceRule
from segmentation.presence_tuning import EnhancingCase, choose, enhancing_case, judge, left_out_choices
from segmentation.segment import segment_in_detail
from segmentation.types import Phase

LEAST_CASES = 5
"""Of fewer the choice is an accident."""


def add_tune_presence(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `tune-presence`."""
    parser.description = (
        "Choose the evidence from which on a piece of enhancing tumour is believed, on cases that the model was not "
        "trained on, and put it into the model."
    )
    parser.add_argument("model", metavar="MODEL", help="name or folder of the model")
    add_cases_options(parser)
    parser.add_argument(
        "--folds",
        type=Path,
        metavar="FOLDER",
        help="the model's cross-validation: each case is asked of the fold that held it out",
    )
    parser.add_argument("--cases", required=True, help="which cases these are, in words")
    add_run_options(parser)
    parser.set_defaults(run=_tune)


def _tune(options: argparse.Namespace) -> int:
    folder = find_model(options.model, model_roots())
    asked = (
        cross_validation(options.folds, options.device)
        if options.folds
        else one_model(folder, options.device)
    )
    cases, failed = _cases(options, asked)
    if len(cases) < LEAST_CASES:
        raise BadInputError(
            f"A choice needs at least {LEAST_CASES} labelled cases; {len(cases)} were usable."
        )
    before, after = judge(cases, asked.model.least_evidence), choose(cases)
    store_presence(folder, PresenceRule(after.least_evidence, len(cases), options.cases))
    for word, choice in (("before", before), ("now", after)):
        print(
            f"{word}: believed from {choice.least_evidence:.2f} on, mean ET Dice {choice.mean_dice:.3f}, "
            f"{choice.lost} true enhancing tumours lost"
        )
    print(
        f"each case with the limit of the others: mean ET Dice {statistics.fmean(left_out_choices(cases)):.3f}"
    )
    return SOME_FAILED if failed else 0


def _cases(options: argparse.Namespace, asked: Entrant) -> tuple[list[EnhancingCase], int]:
    """The pieces of each case, and how many cases could not be run."""
    prepare_case = prepare_by(options, asked.model.device.type)
    done: list[EnhancingCase] = []
    folders = case_folders(options.cases_dir, options.only)
    for folder in folders:
        try:
            case = read_labelled_case(folder, prepare_case, Phase(options.phase))
            found = segment_in_detail(case.prepared, asked.model_for(folder), case.phase)
        except BadInputError as error:
            say(f"{folder.name}: not used. {error}")
            continue
        done.append(enhancing_case(case.name, found.enhancing_evidence, case.reference))
        say(f"{folder.name}: {len(done[-1].pieces)} pieces, {done[-1].true_voxels / 1000:.1f} mL true")
    return done, len(folders) - len(done)
