"""The commands of `python -m segmentation`, and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from segmentation import calibrate_command, evaluate_command, presence_command
from segmentation.cacnn import import_cacnn
from segmentation.case_folder import check_can_write, read_case, write_prepared, write_result
from segmentation.command_options import (
    add_device_option,
    add_run_options,
    model_roots,
    prepare_by,
    say,
    say_step,
)
from segmentation.errors import BadInputError, SegmentationError
from segmentation.measure import by_quantity
from segmentation.model_description import find_model, installed_models
from segmentation.prepare import prepare
from segmentation.registry import choose_device, load_model
from segmentation.segment import segment
from segmentation.training import command as training
from segmentation.training import merge, postoperative_cases
from segmentation.training import options as training_options
from segmentation.types import Lesion, Phase, Segmentation

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Bad input, or a file that cannot be written, is one line and status 2."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except SegmentationError as error:
        say(f"segmentation {options.command}: {error}")
        return BAD_INPUT
    except OSError as error:
        if error.filename is None:
            raise
        say(f"segmentation {options.command}: {error.filename}: {error.strerror}.")
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m segmentation", description="Glioma segmentation on NIfTI files."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_segment(commands.add_parser("segment", help="segment one case folder"))
    evaluate_command.add_evaluate(commands.add_parser("evaluate", help="segment labelled cases and compare"))
    calibrate_command.add_calibrate(
        commands.add_parser("calibrate", help="set a model's intervals and trust score on labelled cases")
    )
    presence_command.add_tune_presence(
        commands.add_parser("tune-presence", help="set when a model's enhancing tumour is believed")
    )
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
    uncertainty = parser.add_argument("--uncertainty", action="store_true")
    uncertainty.help = "also write uncertainty.nii.gz: how undecided each voxel is, 0 to 1"
    add_run_options(parser)
    parser.set_defaults(run=_segment)


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case_dir", type=Path, metavar="CASE_DIR", help="images as acquired, with skull")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="gets the prepared images")
    add_device_option(parser)
    parser.set_defaults(run=_prepare)


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="CHECKPOINT_OR_SAFETENSORS")
    parser.add_argument("out", type=Path, metavar="OUT", help="model folder to write")
    parser.set_defaults(run=_import)


def _add_model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="name or folder of a model (default: the best one installed)")


def _segment(options: argparse.Namespace) -> int:
    _check_folder(options.out_dir)
    model = load_model(find_model(options.model, model_roots()), options.device)
    scan = read_case(options.case_dir)
    prepared = prepare_by(options, model.device.type)(scan)
    result = segment(prepared, model, Phase(options.phase), report=say_step)
    write_result(result, options.out_dir, options.uncertainty)
    print(_read_out(result))
    return 0


def _prepare(options: argparse.Namespace) -> int:
    _check_folder(options.out_dir)
    prepared = prepare(
        read_case(options.case_dir), report=say_step, device=choose_device(options.device).type
    )
    write_prepared(prepared, options.out_dir)
    for warning in prepared.warnings:
        print(f"warning: {warning}")
    return 0


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file; give a folder for the results.")
    check_can_write(folder)


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


def _read_out(result: Segmentation) -> str:
    volumes = by_quantity(result.volumes)
    lines = [f"{result.model.name} {result.model.version}: {result.model.statement}"]
    lines += [f"{name}: {v.ml:.1f} mL ({v.low_ml:.1f} to {v.high_ml:.1f})" for name, v in volumes.items()]
    if result.trust:
        trust = result.trust
        lines.append(
            f"trust: {trust.grade} (expected Dice {trust.predicted_dice:.2f}, {trust.low:.2f} to {trust.high:.2f})"
        )
    lines += [_lesion_line(lesion) for lesion in result.lesions]
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def _lesion_line(lesion: Lesion) -> str:
    core_ml = lesion.enhancing_ml + lesion.nonenhancing_core_ml
    return (
        f"lesion {lesion.number}: {lesion.hemisphere}, {lesion.lobe}; core {core_ml:.1f} mL, enhancing "
        f"{lesion.long_diameter_mm:.0f} x {lesion.perpendicular_diameter_mm:.0f} mm"
        f"{'' if lesion.is_measurable else ', not measurable by RANO'}"
    )
