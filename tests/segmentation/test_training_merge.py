"""Merging the folds of a cross-validation into one model."""

import json
from pathlib import Path

import pytest
import torch

from segmentation.accuracy import measured_in
from segmentation.command_line import main
from segmentation.entrants import FOLD_FILE, held_out_of
from segmentation.errors import BadInputError, BadModelError
from segmentation.model_description import CARD, RANK_INTERIM, describe_model
from segmentation.network import Task, View
from segmentation.registry import load_cascade, load_model
from segmentation.training.merge import Start, figure_rows, merge_models
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


def test_a_part_of_the_start_is_mixed_in_and_what_was_held_out_stays_so(tmp_path: Path) -> None:
    folds = [tiny_model_folder(tmp_path / str(seed), random_weights(seed)) for seed in (1, 2)]
    for folder, names in zip(folds, (["a", "b"], ["b", "c"]), strict=True):
        (folder / FOLD_FILE).write_text(json.dumps({"held_out": names}))
    models = [load_cascade(folder, "cpu", "fp32") for folder in folds]
    start = load_cascade(tiny_model_folder(tmp_path / "start", random_weights(3)), "cpu", "fp32")
    merge_models(models, tmp_path / "ours", OURS, start=Start(start, 0.25))
    key = Task.ENHANCING, View.AXIAL
    merged = load_cascade(tmp_path / "ours", "cpu", "fp32").networks[key].state_dict()
    for name, tensor in merged.items():
        first, second, begun = (model.networks[key].state_dict()[name] for model in (*models, start))
        assert torch.allclose(tensor, 0.375 * first + 0.375 * second + 0.25 * begun, atol=2e-3), name
    assert held_out_of(tmp_path / "ours") == {"b"}
    assert "75 % the mean of 2 models" in (tmp_path / "ours" / CARD).read_text()


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_a_start_that_is_all_or_nothing_is_refused(tmp_path: Path, share: float) -> None:
    model = load_cascade(tiny_model_folder(tmp_path / "one"), "cpu")
    with pytest.raises(BadInputError, match="--start-share"):
        merge_models([model], tmp_path / "ours", OURS, start=Start(model, share))


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
