"""`python -m tests.benchmarks.uncertainty`: what the intervals are worth and what they cost. Nothing here is asserted.

Coverage and width per compartment and per state of the images, trust against the true Dice, and the seconds that
intervals, trust, lesions and the map of uncertainty add to the plain cascade in the same run. Real images, images
degraded from real ones (simulated) and phantoms (simulated) are printed apart. Machines are shared and noisy: seconds
are those of the processor, and their ratio counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segmentation.calibration import Judged, Run, run_of, runs_in
from segmentation.calibration_table import interval_table, left_out_table
from segmentation.case_folder import case_folders, read_json
from segmentation.degrade import Degradation
from segmentation.evaluate import evaluate_labelled, read_labelled_case, worse
from segmentation.inference import view_probabilities
from segmentation.intensity import MARGIN_VOXELS, bounding_box, network_input
from segmentation.interval import QUANTITIES, UNCALIBRATED_MULTIPLIER, interval
from segmentation.measure import label_volumes_ml
from segmentation.model_description import find_model
from segmentation.native import labels_on_native_grid
from segmentation.network import Task
from segmentation.postprocess import core_region, fuse, whole_tumour_region
from segmentation.prepare import accept_prepared
from segmentation.presence import Regions, evidence_map
from segmentation.registry import CascadeModel, load_model
from segmentation.segment import on_prepared_grid, segment
from segmentation.training.phantom_cases import write_phantom_cases
from segmentation.types import Phase, PreparedScan
from tests.benchmarks.cascade import FIRST_PHANTOM, REPOSITORY
from webapp.stack.plan import var_dir

REAL_CASES = REPOSITORY.parent / "shared" / "data" / "glioma"


def stored_intervals(runs: Sequence[Run], model: CascadeModel) -> dict[str, list[Judged]]:
    """The intervals that the model as installed gives, which may have been set on the same cases."""
    multipliers = model.interval.multipliers if model.interval else {}
    return {
        name: [
            Judged(
                run.degradation,
                interval(run.bands[name], multipliers.get(name, UNCALIBRATED_MULTIPLIER)),
                run.true_ml[name],
            )
            for run in runs
        ]
        for name in QUANTITIES
    }


def trust_lines(runs: Sequence[Run]) -> str:
    """Correlation of the views' agreement with the true mean Dice, by state of the images."""
    lines = []
    for kind in Degradation:
        chosen = [run for run in runs if run.degradation is kind]
        if len(chosen) > 2:
            pairs = [(run.signals.agreement, run.mean_dice) for run in chosen]
            r = np.corrcoef(np.array(pairs).T)[0, 1]
            lines.append(
                f"  {kind:<14} n {len(chosen):<3} r {r:.2f}  mean Dice {np.mean(pairs, axis=0)[1]:.3f}"
            )
    return "\n".join(["Agreement of the views against the true mean Dice", *lines])


def plain_cascade(prepared: PreparedScan, model: CascadeModel) -> dict[str, float]:
    """Label map and millilitres alone: no interval, trust, lesions or map."""
    images = network_input(prepared)
    whole_zyx = view_probabilities(model, Task.WHOLE_TUMOUR, images.channels_czyx, _quiet).mean(axis=0)
    whole_zyx = whole_zyx * images.brain_zyx > 0.5
    enhancing_zyx, core_zyx = np.zeros((2, *whole_zyx.shape), np.float32)
    region_zyx = whole_tumour_region(whole_zyx)
    for task, probability_zyx in ((Task.TUMOUR_CORE, core_zyx), (Task.ENHANCING, enhancing_zyx)):
        box_zyx = bounding_box(region_zyx, MARGIN_VOXELS)
        probability_zyx[box_zyx] = view_probabilities(
            model, task, images.channels_czyx[:, *box_zyx], _quiet
        ).mean(axis=0)
        probability_zyx *= images.brain_zyx
        found_zyx = core_region(probability_zyx > 0.5)
        region_zyx = found_zyx if found_zyx.any() else region_zyx
    regions = Regions(images.brain_zyx, whole_zyx, core_zyx > 0.5, enhancing_zyx > 0.5)
    believed_zyx = evidence_map(regions, enhancing_zyx, images.channels_czyx) >= model.least_evidence
    labels_zyx = fuse(whole_zyx, regions.core_zyx, believed_zyx)
    on_cubes = on_prepared_grid(labels_zyx, images.box_zyx, prepared.t1ce)
    return label_volumes_ml(labels_on_native_grid(on_cubes, prepared.t1ce_grid))


def cost_line(prepared: PreparedScan, model: CascadeModel, repeats: int) -> str:
    """Processor seconds of the plain cascade and of everything, alternating, medians; the first pair warms up."""
    plain, whole = [], []
    for _ in range(repeats + 1):
        for seconds, run in ((plain, plain_cascade), (whole, _everything)):
            began = time.process_time()
            run(prepared, model)
            seconds.append(time.process_time() - began)
    plain_s, whole_s = statistics.median(plain[1:]), statistics.median(whole[1:])
    return (
        f"Cost on one case, processor seconds, median of {repeats}: plain cascade {plain_s:.1f}, with interval, trust, "
        f"lesions and map {whole_s:.1f}: +{whole_s - plain_s:.1f}, {whole_s / plain_s:.2f} x"
    )


def labelled_runs(folders: Sequence[Path], model: CascadeModel) -> list[Run]:
    """Each case as it is and degraded."""
    runs = []
    for number, folder in enumerate(folders, start=1):
        case = read_labelled_case(folder, accept_prepared, Phase.UNKNOWN)
        runs += [run_of(evaluate_labelled(worse(case, kind), model)) for kind in Degradation]
        print(f"[{number}/{len(folders)}] {folder.name}", file=sys.stderr, flush=True)
    return runs


@contextmanager
def cases_of(options: argparse.Namespace) -> Iterator[tuple[str, list[Path]]]:
    """What kind of cases these are, and their folders."""
    if REAL_CASES.is_dir() and not options.phantoms:
        yield "real images of patients", case_folders(REAL_CASES, options.only)
        return
    count = options.phantoms or 8
    with tempfile.TemporaryDirectory() as made:
        seeds = range(FIRST_PHANTOM, FIRST_PHANTOM + count)
        yield "phantoms, simulated throughout", write_phantom_cases(Path(made), seeds, processes=2)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.uncertainty")
    parser.add_argument("--model", help="name or folder of a model (default: the best one installed)")
    parser.add_argument(
        "--phantoms", type=int, help="so many phantoms instead of the real cases of ../shared"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these real cases")
    parser.add_argument("--figures", type=Path, help="read the runs from what `calibrate --json` wrote")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    model = load_model(
        find_model(options.model, [REPOSITORY / "segmentation" / "models", var_dir() / "models"])
    )
    with cases_of(options) as (words, folders):
        runs = runs_in([read_json(options.figures)]) if options.figures else labelled_runs(folders, model)
        print(f"Model {model.identity.name} {model.identity.version}; {len(runs)} runs; as acquired: {words}")
        print(f"Intervals as installed\n{interval_table(stored_intervals(runs, model))}")
        if len({run.patient for run in runs}) > 1:
            print(f"Multipliers set anew, each patient left out\n{left_out_table(runs)}")
        print(trust_lines(runs), flush=True)
        prepared = read_labelled_case(folders[0], accept_prepared, Phase.UNKNOWN).prepared
        print(cost_line(prepared, model, options.repeats))
    return 0


def _everything(prepared: PreparedScan, model: CascadeModel) -> None:
    segment(prepared, model, Phase.UNKNOWN)


def _quiet(_step: str) -> None:
    """Report to nobody."""


if __name__ == "__main__":
    sys.exit(main())
