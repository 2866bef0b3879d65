"""The commands of `python -m segmentation`, and their options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from segmentation.cacnn import import_cacnn
from segmentation.calibration import calibrate_model
from segmentation.case_folder import case_folders, read_case, write_json, write_prepared, write_result
from segmentation.errors import BadInputError, SegmentationError
from segmentation.evaluate import REGIONS, CaseEvaluation, Prepare, evaluate_case, report_content
from segmentation.measure import by_quantity
from segmentation.prepare import accept_prepared, prepare
from segmentation.registry import (
    PACKAGED_ROOT,
    CascadeModel,
    choose_device,
    find_model,
    installed_models,
    load_model,
)
from segmentation.segment import segment
from segmentation.training import command as training
from segmentation.training import merge, postoperative_cases
from segmentation.training import options as training_options
from segmentation.types import Phase, Segmentation

MANAGE_FOLDER = Path(__file__).resolve().parent.parent
BAD_INPUT, SOME_FAILED = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Bad input is one line on stderr and status 2."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SegmentationError as error:
        _say(f"segmentation {options.command}: {error}")
        return BAD_INPUT


def model_roots() -> list[Path]:
    """Where models are installed: packaged with the software, and under the data folder GLIOMA_VAR."""
    data_folder = Path(os.environ.get("GLIOMA_VAR") or MANAGE_FOLDER / "var")
    return [PACKAGED_ROOT, data_folder / "models"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m segmentation", description="Glioma segmentation on NIfTI files."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_segment(commands.add_parser("segment", help="segment one case folder"))
    _add_evaluate(commands.add_parser("evaluate", help="segment labelled cases and compare"))
    _add_calibrate(commands.add_parser("calibrate", help="measure a model's volume errors on labelled cases"))
    _add_prepare(commands.add_parser("prepare", help="register, resample and skull-strip one case folder"))
    _add_import(commands.add_parser("import-cacnn", help="make a model folder of the published weights"))
    commands.add_parser("models", help="list the installed models").set_defaults(run=_models)
    train = commands.add_parser("train", help="train a model on labelled cases")
    training_options.add_arguments(train)
    train.set_defaults(run=training.run)
    merge.add_arguments(commands.add_parser("merge", help="average the weights of models of one start"))
    postoperative_cases.add_arguments(
        commands.add_parser("simulate-postop", help="make post-operative cases of pre-operative ones")
    )
    return parser


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_dir", type=Path, metavar="CASE_DIR", help="has t1, t1ce, t2 and flair .nii.gz")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="gets seg.nii.gz and result.json")
    _add_model_option(parser)
    _add_run_options(parser)
    parser.set_defaults(run=_segment)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_cases_options(parser)
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the figures go")
    _add_model_option(parser)
    _add_run_options(parser)
    parser.set_defaults(run=_evaluate)


def _add_calibrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name or folder of the model")
    _add_cases_options(parser)
    parser.add_argument("--cases", required=True, help="which cases these are, in words: 'held-out phantoms'")
    _add_run_options(parser)
    parser.set_defaults(run=_calibrate)


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_dir", type=Path, metavar="CASE_DIR", help="images as acquired, with skull")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="gets the prepared images")
    _add_device_option(parser)
    parser.set_defaults(run=_prepare)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="CHECKPOINT_OR_SAFETENSORS")
    parser.add_argument("out", type=Path, metavar="OUT", help="model folder to write")
    parser.set_defaults(run=_import)


def _add_cases_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cases_dir", type=Path, metavar="CASES_DIR", help="folder of labelled case folders")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these cases")


def _add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="name or folder of a model (default: the best one installed)")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument("--input", choices=("native", "prepared"), default="native")
    inputs.help = "native: as acquired; prepared: registered, 1 mm, skull-stripped (default native)"
    phases = parser.add_argument("--phase", choices=[phase.value for phase in Phase], default="unknown")
    phases.help = "before or after surgery (default unknown)"
    _add_device_option(parser)


def _add_device_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _segment(options: argparse.Namespace) -> int:
    model = load_model(find_model(options.model, model_roots()), options.device)
    scan = read_case(options.case_dir)
    prepared = _prepare_by(options, model)(scan)
    result = segment(prepared, model, Phase(options.phase), report=_say_step)
    write_result(result, options.out_dir)
    print(_read_out(result))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    model = load_model(find_model(options.model, model_roots()), options.device)
    content = report_content(model, [], {})
    for evaluations, failed in _evaluate_all(options, model):
        content = report_content(model, evaluations, failed)
        write_json(options.json, content)  # after every case: what is done survives an interruption
    for region in REGIONS:
        spread = content["summary"]["dice"][region]
        if spread["mean"] is not None:
            print(f"{region}: Dice mean {spread['mean']:.3f}, median {spread['median']:.3f}, n {spread['n']}")
    return SOME_FAILED if content["failed"] else 0


def _calibrate(options: argparse.Namespace) -> int:
    folder = find_model(options.model, model_roots())
    *_, (evaluations, failed) = _evaluate_all(options, load_model(folder, options.device))
    calibration = calibrate_model(folder, evaluations, options.cases)
    for name, multiplier in calibration.multipliers.items():
        print(f"{name}: multiplier {multiplier:.2f}, leave-one-out coverage {calibration.coverage[name]:.2f}")
    return SOME_FAILED if failed else 0


def _prepare(options: argparse.Namespace) -> int:
    prepared = prepare(
        read_case(options.case_dir), report=_say_step, device=choose_device(options.device).type
    )
    write_prepared(prepared, options.out_dir)
    for warning in prepared.warnings:
        print(f"warning: {warning}")
    return 0


def _import(options: argparse.Namespace) -> int:
    description = import_cacnn(options.source, options.out)
    print(f"{description.identity.name} {description.identity.version} is in {options.out}")
    return 0


def _models(options: argparse.Namespace) -> int:
    models = installed_models(model_roots())
    for folder, description in models.items():
        identity = description.identity
        print(f"{identity.name} {identity.version}{' (demo)' if identity.is_demo else ''}: {folder}")
        print(f"    {identity.statement}")
    if not models:
        raise BadInputError(
            f"No model is installed under {' or '.join(str(root) for root in model_roots())}."
        )
    return 0


def _evaluate_all(
    options: argparse.Namespace, model: CascadeModel
) -> Iterator[tuple[list[CaseEvaluation], dict[str, str]]]:
    """After each case: what is done so far, and why cases could not be. One line a case on stderr."""
    done: list[CaseEvaluation] = []
    failed: dict[str, str] = {}
    folders = case_folders(options.cases_dir, options.only)
    prepare_case = _prepare_by(options, model)
    for number, folder in enumerate(folders, start=1):
        try:
            done.append(evaluate_case(folder, prepare_case, model, Phase(options.phase)))
            line = _line(done[-1])
        except BadInputError as error:
            failed[folder.name] = str(error)
            line = f"{folder.name}: not evaluated. {error}"
        _say(f"[{number}/{len(folders)}] {line}")
        yield done, failed


def _line(evaluation: CaseEvaluation) -> str:
    overlaps = "  ".join(f"{region} {evaluation.dice[region]:.3f}" for region in REGIONS)
    seconds = sum(evaluation.result.seconds.values())
    return f"{evaluation.case}: {overlaps}  trust {evaluation.result.trust:.2f}  {seconds:.1f} s"


def _read_out(result: Segmentation) -> str:
    volumes = by_quantity(result.volumes)
    lines = [f"{result.model.name} {result.model.version}: {result.model.statement}"]
    lines += [f"{name}: {v.ml:.1f} mL ({v.low_ml:.1f} to {v.high_ml:.1f})" for name, v in volumes.items()]
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def _prepare_by(options: argparse.Namespace, model: CascadeModel) -> Prepare:
    if options.input == "prepared":
        return accept_prepared
    return partial(prepare, report=_say_step, device=model.device.type)


def _say_step(step: str) -> None:
    _say(f"  {step} ...")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
