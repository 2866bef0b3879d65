"""Merging the folds of a cross-validation into one model."""

import json
from pathlib import Path

import pytest
import torch

from segmentation.accuracy import measured_in
from segmentation.command_line import main
from segmentation.errors import BadModelError
from segmentation.model_description import CARD, RANK_INTERIM, describe_model
from segmentation.network import Task, View
from segmentation.registry import load_model
from segmentation.training.merge import figure_rows, merge_models
from segmentation.types import ModelIdentity
from tests.segmentation.cascade_cases import random_weights, tiny_model_folder

OURS = ModelIdentity("ours", "2", False, "for the test")
CASES = [
    {"case": "a", "phase": "preop", "dice": {"WT": 0.8, "TC": 0.6, "ET": 0.0}},
    {"case": "b", "phase": "preop", "dice": {"WT": 0.9, "TC": 0.8, "ET": 1.0}},
    {"case": "a-postop1", "phase": "postop", "dice": {"WT": 0.7, "TC": 0.5, "ET": 0.2}},
]


def test_every_weight_is_the_mean(tmp_path: Path) -> None:
    folders = [tiny_model_folder(tmp_path / str(seed), random_weights(seed)) for seed in (1, 2)]
    models = [load_model(folder, "cpu", "fp32") for folder in folders]
    merge_models(models, tmp_path / "ours", OURS)
    merged = load_model(tmp_path / "ours", "cpu", "fp32")
    for name, tensor in merged.networks[Task.TUMOUR_CORE, View.CORONAL].state_dict().items():
        parts = [model.networks[Task.TUMOUR_CORE, View.CORONAL].state_dict()[name] for model in models]
        assert torch.allclose(tensor, (parts[0] + parts[1]) / 2, atol=2e-3), name
    assert merged.identity == OURS


def test_one_model_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelError, match="at least two"):
        merge_models([load_model(tiny_model_folder(tmp_path / "one"), "cpu")], tmp_path / "ours", OURS)


def test_the_card_names_commands_licence_and_figures(tmp_path: Path) -> None:
    for name in "ab":
        folder = tiny_model_folder(tmp_path / name, random_weights(ord(name)))
        (folder / CARD).write_text(
            f"## How to make it again\n```\ntrain --fold {name}\n```\n## Licence of the weights\n(c) Somebody\n"
        )
    (tmp_path / "cv.json").write_text(json.dumps({"cases": CASES}))
    models = [str(tmp_path / name) for name in "ab"]
    words = [
        "merge",
        *models,
        "--out",
        str(tmp_path / "ours"),
        "--figures",
        str(tmp_path / "cv.json"),
        "--interim",
    ]
    assert main(words) == 0
    assert describe_model(tmp_path / "ours").rank == RANK_INTERIM
    card = (tmp_path / "ours" / CARD).read_text()
    assert "train --fold a\ntrain --fold b\npython -m segmentation merge a b --out ours\n" in card
    assert card.count("(c) Somebody") == 1
    assert "| preop | WT | 2 | 0.850 | 0.850 | 0.071 |" in card


def test_figures_of_a_comparison_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "both.json").write_text(json.dumps({"models": [], "comparisons": []}))
    words = ["merge", "a", "b", "--out", str(tmp_path / "ours"), "--figures", str(tmp_path / "both.json")]
    assert main(words) == 2
    assert "holds no figures of one model" in capsys.readouterr().err


def test_figures_are_told_apart_by_phase() -> None:
    assert figure_rows(measured_in([{"cases": CASES}]))[0] == "| postop | WT | 1 | 0.700 | 0.700 | - |"
    assert len(figure_rows(measured_in([{"cases": CASES}]))) == 6
