import json

import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch

from segmentation import launch
from segmentation.command_line import main
from segmentation.types import SEQUENCES
from tests.segmentation.cascade_cases import prepared_scan, random_weights, tiny_model_folder


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A data folder with one model, and two labelled cases."""
    root = tmp_path_factory.mktemp("cli")
    tiny_model_folder(root / "var" / "models" / "tiny")
    for name, seed in (("first", 1), ("second", 2)):
        write_case(root / "cases" / name, prepared_scan(seed))
    return root


def write_case(folder, scan):
    folder.mkdir(parents=True)
    for name in SEQUENCES:
        sitk.WriteImage(getattr(scan, name), str(folder / f"{name}.nii.gz"))
    labels = sitk.Cast(sitk.GetImageFromArray(np.zeros(scan.t1ce.GetSize()[::-1], np.uint8)), sitk.sitkUInt8)
    labels.CopyInformation(scan.t1ce)
    labels[30:38, 30:38, 28:36] = 4
    sitk.WriteImage(labels, str(folder / "seg.nii.gz"))


@pytest.fixture(autouse=True)
def _data_folder(places, monkeypatch):
    monkeypatch.setenv("GLIOMA_VAR", str(places / "var"))


def run(*arguments):
    return main([str(argument) for argument in arguments])


def refusal(capsys):
    """What went to stderr, which has to be one line and no traceback."""
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    return said[0]


def test_segment_writes_the_labels_and_the_result(places, tmp_path, capsys):
    case = places / "cases" / "first"
    assert (
        run("segment", case, tmp_path / "out", "--input", "prepared", "--phase", "preop", "--model", "tiny")
        == 0
    )
    labels = sitk.ReadImage(str(tmp_path / "out" / "seg.nii.gz"))
    assert labels.GetOrigin() == pytest.approx(sitk.ReadImage(str(case / "t1ce.nii.gz")).GetOrigin())
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    counted_ml = (sitk.GetArrayFromImage(labels) > 0).sum() / 1000
    assert result["volumes"]["WT"]["ml"] == pytest.approx(counted_ml)
    assert set(result["volumes"]["WT"]) == {"ml", "low_ml", "high_ml"}
    assert set(result["labels"]) == {"1", "2", "4"}
    assert result["model"]["name"] == "tiny"
    assert result["phase"] == "preop"
    assert result["seconds"]["total"] > 0
    assert "A model for tests." in capsys.readouterr().out


def test_evaluate_reports_each_case_and_writes_the_figures(places, tmp_path, capsys):
    out = tmp_path / "figures.json"
    cases = places / "cases"
    assert (
        run("evaluate", cases, "--json", out, "--input", "prepared", "--model", places / "var/models/tiny")
        == 0
    )
    content = json.loads(out.read_text())
    assert [case["case"] for case in content["cases"]] == ["first", "second"]
    assert content["cases"][0]["true_volume_ml"]["ET"] == pytest.approx(0.512)
    heard = capsys.readouterr()
    assert "[2/2] second: WT" in heard.err
    assert "WT: Dice mean" in heard.out


def test_evaluate_goes_on_past_a_case_that_cannot_be(places, tmp_path, capsys):
    cases = tmp_path / "cases"
    write_case(cases / "a", prepared_scan())
    (cases / "a" / "seg.nii.gz").unlink()
    write_case(cases / "b", prepared_scan())
    out = tmp_path / "figures.json"
    assert run("evaluate", cases, "--json", out, "--input", "prepared", "--model", "tiny") == 1
    content = json.loads(out.read_text())
    assert [case["case"] for case in content["cases"]] == ["b"]
    assert "has no seg.nii.gz" in content["failed"][0]["reason"]
    assert "[1/2] a: not evaluated" in capsys.readouterr().err


def test_models_are_listed_with_their_statement(capsys):
    assert run("models") == 0
    heard = capsys.readouterr().out
    assert "tiny 1 (demo)" in heard
    assert "A model for tests." in heard


def test_import_makes_a_model_that_can_be_asked_for(tmp_path, capsys):
    (tmp_path / "w.safetensors").write_bytes(safetensors.torch.save({"x": torch.zeros(1)}))
    assert run("import-cacnn", tmp_path / "w.safetensors", tmp_path / "out") == 2
    assert "tensors are missing" in refusal(capsys)


def damaged(case, name, data):
    (case / f"{name}.nii.gz").write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda case: (case / "t2.nii.gz").unlink(), "lacks t2.nii.gz"),
        (lambda case: damaged(case, "t1", b"not an image"), "t1.nii.gz cannot be read"),
        (
            lambda case: damaged(case, "t1ce", (case / "t1ce.nii.gz").read_bytes()[:5000]),
            "t1ce.nii.gz cannot be read",
        ),
    ],
)
def test_bad_images_are_one_line_and_status_two(tmp_path, capsys, spoil, message):
    case = tmp_path / "case"
    write_case(case, prepared_scan())
    spoil(case)
    assert run("segment", case, tmp_path / "out", "--input", "prepared", "--model", "tiny") == 2
    assert message in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_or_folder_is_one_line_and_status_two(places, tmp_path, capsys):
    case = places / "cases" / "first"
    assert run("segment", case, tmp_path / "out", "--input", "prepared", "--model", "nobody") == 2
    assert "'nobody'" in refusal(capsys)
    assert run("segment", tmp_path / "gone", tmp_path / "out", "--model", "tiny") == 2
    assert "is not a folder" in refusal(capsys)
    assert run("evaluate", tmp_path, "--json", tmp_path / "x.json", "--model", "tiny") == 2
    assert "no case folders" in refusal(capsys)
    assert (
        run("evaluate", places / "cases", "--only", "third", "--json", tmp_path / "x.json", "--model", "tiny")
        == 2
    )
    assert "no case called third" in refusal(capsys)


def test_a_truncated_image_is_not_half_read(tmp_path, capsys):
    case = tmp_path / "case"
    write_case(case, prepared_scan())
    flair = (case / "flair.nii.gz").read_bytes()
    (case / "flair.nii.gz").write_bytes(flair[: len(flair) // 2])
    assert run("segment", case, tmp_path / "out", "--input", "prepared", "--model", "tiny") == 2
    assert "flair.nii.gz cannot be read" in refusal(capsys)


def test_the_allocators_tunable_is_added_and_never_overruled():
    assert launch.with_fast_malloc({"A": "1"}) == {"A": "1", **launch.FAST_MALLOC_ENV}
    own = {"GLIBC_TUNABLES": "glibc.malloc.check=1"}
    assert launch.with_fast_malloc(own) == own


def test_a_process_that_has_tunables_is_not_started_again(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    assert not launch.wants_fast_malloc()


def test_evaluate_compares_two_models_on_the_same_cases(places, tmp_path, capsys):
    tiny_model_folder(tmp_path / "other", random_weights(seed=5))
    out, plot = tmp_path / "figures.json", tmp_path / "plot.png"
    models = ["--model", "tiny", "--model", tmp_path / "other"]
    done = run("evaluate", places / "cases", "--json", out, "--input", "prepared", *models, "--plot", plot)
    assert done == 0
    content = json.loads(out.read_text())
    assert [len(model["cases"]) for model in content["models"]] == [2, 2]
    assert {test["n"] for test in content["comparisons"]} == {2}
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "unknown WT dice: tiny 1" in capsys.readouterr().out


def test_evaluate_asks_each_fold_about_the_cases_it_never_saw(places, tmp_path):
    for number, case in enumerate(("first", "second")):
        folder = tiny_model_folder(tmp_path / "cv" / f"fold{number}", random_weights(number))
        (folder / "fold.json").write_text(json.dumps({"held_out": [case]}))
    out = tmp_path / "figures.json"
    (places / "cases" / "second" / "case.json").write_text('{"phase": "postop"}')
    arguments = ["--input", "prepared", "--phase", "preop", "--folds", tmp_path / "cv"]
    assert run("evaluate", places / "cases", "--json", out, *arguments) == 0
    content = json.loads(out.read_text())
    assert [fold["held_out"] for fold in content["folds"]] == [["first"], ["second"]]
    assert [case["phase"] for case in content["cases"]] == ["preop", "postop"]
    assert content["phases"]["postop"]["dice"]["WT"]["n"] == 1
    (places / "cases" / "second" / "case.json").unlink()
