"""Figures of the finished cascade on cases that training never saw, written into the model's card."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from segmentation.accuracy import Accuracy, MeasuredDice
from segmentation.metrics import dice
from segmentation.model_description import CARD, store_accuracy
from segmentation.registry import Device, Model, load_model
from segmentation.segment import segment
from segmentation.training.card import Reproduction, held_out_section, write_card
from segmentation.training.dataset import read_labelled
from segmentation.types import TISSUES_OF, Compartment, Phase


def add_held_out_figures(
    folder: Path, cases: Sequence[Path], words: str, how: Reproduction, device: Device
) -> dict[str, dict[str, float]]:
    """Put the Dice of the model of `folder` on `cases` into its files; mean, median and SD by compartment.

    `words` says in the card which cases these are.
    """
    model = load_model(folder, device)
    scores = [_scores(case, model) for case in tqdm(cases, desc="held-out cases", unit="case")]
    rows = {
        str(name): {
            "mean": statistics.fmean(score[name] for score in scores),
            "median": statistics.median(score[name] for score in scores),
            "sd": statistics.stdev(score[name] for score in scores) if len(scores) > 1 else 0.0,
        }
        for name in Compartment
    }
    card = write_card(model.identity, model.config, how, held_out_section(words, rows))
    (folder / CARD).write_text(card)
    measured = (MeasuredDice(Phase.UNKNOWN, name, len(cases), **rows[str(name)]) for name in Compartment)
    store_accuracy(folder, Accuracy(tuple(measured), words))
    return rows


def _scores(case: Path, model: Model) -> dict[Compartment, float]:
    prepared, truth = read_labelled(case)
    found_zyx = sitk.GetArrayFromImage(segment(prepared, model, Phase.UNKNOWN).labels)
    truth_zyx = sitk.GetArrayFromImage(truth)
    return {
        compartment: dice(np.isin(found_zyx, tissues), np.isin(truth_zyx, tissues))
        for compartment, tissues in TISSUES_OF.items()
    }
