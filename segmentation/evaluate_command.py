"""`python -m segmentation evaluate`: models against readers' outlines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentation.case_folder import case_folders, check_can_write, write_json
from segmentation.command_options import SOME_FAILED, add_run_options, model_roots, prepare_by, say
from segmentation.comparison import (
    Scored,
    case_table,
    comparison_content,
    in_words,
    paired_tests,
    phase_table,
)
from segmentation.comparison_plot import write_plot
from segmentation.degrade import Degradation
from segmentation.entrants import Entrant, cross_validation, distinct_names, one_model
from segmentation.errors import BadInputError
from segmentation.evaluate import (
    REGIONS,
    CaseEvaluation,
    LabelledCase,
    coverage_table,
    evaluate_labelled,
    read_labelled_case,
    report_content,
    spread,
    worse,
)
from segmentation.model_description import find_model
from segmentation.types import Phase


@dataclass(slots=True)
class Progress:
    """What one entrant has so far."""

    entrant: Entrant
    done: list[CaseEvaluation] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The JSON of one model; of a cross-validation with its folds."""
        report = report_content(self.entrant.model, self.done, self.failed)
        return report | {"folds": self.entrant.folds_content()} if self.entrant.folds else report


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate`."""
    add_cases_options(parser)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the figures go")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="name or folder of a model (default: the best one installed); given again, the models are compared",
    )
    parser.add_argument(
        "--folds",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="a cross-validation: model folders with a fold.json; each case goes to the fold that held it out; "
        "given again, they are compared",
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw each case's Dice, model beside model")
    parser.add_argument(
        "--degraded",
        action="store_true",
        help="also each case with noise, in 5 mm slices and misaligned; these are simulated",
    )
    add_run_options(parser)
    parser.set_defaults(run=_evaluate)


def add_cases_options(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Declare which labelled cases."""
    cases = parser.add_argument("cases_dir", type=Path, metavar="CASES_DIR", nargs="?" if optional else None)
    cases.help = "folder of labelled case folders"
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these cases")


def _evaluate(options: argparse.Namespace) -> int:
    for path in (options.json, options.plot):
        if path is not None:
            _check_file(path)
    entrants = _entrants(options)
    names = distinct_names(entrants)
    kinds = tuple(Degradation) if options.degraded else (Degradation.NONE,)
    for progress in evaluate_all(options, entrants, kinds):
        # After every run: what is done survives an interruption.
        write_json(options.json, _content(names, progress))
    models = [Scored(name, tuple(one.done)) for name, one in zip(names, progress, strict=True)]
    if options.plot:
        write_plot(options.plot, models)
    _print_figures(models)
    return SOME_FAILED if any(one.failed for one in progress) else 0


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise BadInputError(f"{path} is a folder; give the name of a file.")
    check_can_write(path)


def _entrants(options: argparse.Namespace) -> list[Entrant]:
    models = options.model or ([] if options.folds else [None])
    entrants = [cross_validation(folder, options.device) for folder in options.folds]
    return entrants + [one_model(find_model(name, model_roots()), options.device) for name in models]


def _content(names: Sequence[str], progress: Sequence[Progress]) -> dict[str, Any]:
    if len(progress) == 1:
        return progress[0].content()
    models = [Scored(name, tuple(one.done)) for name, one in zip(names, progress, strict=True)]
    return comparison_content([one.content() for one in progress], models)


def evaluate_all(
    options: argparse.Namespace, entrants: Sequence[Entrant], kinds: Sequence[Degradation]
) -> Iterator[list[Progress]]:
    """After each run: what is done so far, and why cases could not be. One line a run and model on stderr.

    Every case is run as it is or degraded, in each of `kinds`.
    """
    progress = [Progress(entrant) for entrant in entrants]
    folders = case_folders(options.cases_dir, options.only)
    for number, folder in enumerate(folders, start=1):
        for outcomes in _outcomes(options, folder, entrants, kinds):
            for one, outcome in zip(progress, outcomes, strict=True):
                if isinstance(outcome, CaseEvaluation):
                    one.done.append(outcome)
                    line = _line(outcome)
                else:
                    one.failed[folder.name] = outcome
                    line = f"{folder.name}: not evaluated. {outcome}"
                say(f"[{number}/{len(folders)}] {line}")
            yield progress


def _outcomes(
    options: argparse.Namespace, folder: Path, entrants: Sequence[Entrant], kinds: Sequence[Degradation]
) -> Iterator[list[CaseEvaluation | str]]:
    """What each entrant makes of a case in each state of its images, or why nothing."""
    prepare_case = prepare_by(options, entrants[0].model.device.type)
    try:
        case = read_labelled_case(folder, prepare_case, Phase(options.phase))
    except BadInputError as error:
        yield [str(error)] * len(entrants)
        return
    for kind in kinds:
        state = worse(case, kind)
        yield [_outcome(state, folder, entrant) for entrant in entrants]


def _outcome(case: LabelledCase, folder: Path, entrant: Entrant) -> CaseEvaluation | str:
    try:
        return evaluate_labelled(case, entrant.model_for(folder))
    except BadInputError as error:
        return str(error)


def _print_figures(models: Sequence[Scored]) -> None:
    for model in models:
        if len(models) > 1:
            print(model.name)
        for region in REGIONS:
            scores = [case.dice[region] for case in model.cases]
            if scores:
                print(_spread_line(region, scores))
        if model.cases:
            print(coverage_table(model.cases))
    if any(model.cases for model in models):
        print(phase_table(models))
    if len(models) > 1:
        print(case_table(models))
        print(in_words(paired_tests(models)))


def _spread_line(region: str, scores: Sequence[float]) -> str:
    figures = spread(scores)
    return f"{region}: Dice mean {figures['mean']:.3f}, median {figures['median']:.3f}, n {figures['n']}"


def _line(evaluation: CaseEvaluation) -> str:
    overlaps = "  ".join(f"{region} {evaluation.dice[region]:.3f}" for region in REGIONS)
    seconds = sum(evaluation.seconds.values())
    return f"{evaluation.case}: {overlaps}  trust {evaluation.trust:.2f}  {seconds:.1f} s"
