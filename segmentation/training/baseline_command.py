"""`python -m segmentation train --baseline`: the AR baseline from labelled cases."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from segmentation.baseline_network import AUTOENCODER
from segmentation.errors import BadInputError
from segmentation.model_description import BaselineConfig
from segmentation.network import Task
from segmentation.training.baseline import NAME, BaselineTraining, check_baseline
from segmentation.training.cascade import CURVES, Made, write_curves
from segmentation.training.dataset import CaseSplit
from segmentation.training.learner import Machine
from segmentation.training.options import GOES_ON, deadline, schedule

PATCH_ZYX = (128, 192, 160)
CASCADE_ONLY = {
    "init_from": None,
    "follow_first_view": None,
    "freeze_first_block": False,
    "search": None,
    "cross_entropy": 0.3,
    "tasks": "wt,tc,en",
    "views": "ax,sg,cr",
}
"""Options that say nothing to this network, and what they are where nobody asked."""
BASE_CHANNELS = 32
log = logging.getLogger(__name__)


def train_baseline(args: argparse.Namespace, split: CaseSplit, machine: Machine, work: Path) -> Made | None:
    """Train the network; None where time ran out before the end.

    Raises:
        BadInputError: an option does not go with it.
        BadModelError: MONAI is not installed.
    """
    for name, unset in CASCADE_ONLY.items():
        if getattr(args, name) != unset:
            raise BadInputError(
                f"--{name.replace('_', '-')} is for the cascade; leave it out with --baseline."
            )
    settings = schedule(args, Task.WHOLE_TUMOUR, len(split.training))
    patch_zyx = settings.sampling.patch_dhw if args.patch else PATCH_ZYX
    settings = replace(settings, sampling=replace(settings.sampling, patch_dhw=patch_zyx))
    check_baseline(settings)
    config = BaselineConfig(patch_zyx, args.base_channels or BASE_CHANNELS)
    progress = BaselineTraining(config, split, settings, machine, work).run(
        resume=args.resume, out_of_time=deadline(args.minutes)
    )
    write_curves(work / CURVES, [progress])
    if not progress.finished:
        log.info(GOES_ON)
        return None
    weights = {
        name: weight for name, weight in progress.best_weights.items() if not name.startswith(AUTOENCODER)
    }
    return Made(config, weights, {NAME: progress})
