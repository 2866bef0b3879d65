import json

import pytest

from segmentation.command_line import main
from segmentation.model_description import describe_model
from segmentation.presence import LEAST_EVIDENCE
from tests.segmentation.cascade_cases import prepared_scan, tiny_model_folder
from tests.segmentation.test_command_line import refusal, write_case


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Labelled cases of five patients."""
    folder = tmp_path_factory.mktemp("labelled")
    for seed in range(5):
        write_case(folder / f"patient{seed}", prepared_scan(seed))
    return folder


@pytest.fixture
def model(tmp_path):
    return tiny_model_folder(tmp_path / "tiny")


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def calibrated(cases, tmp_path_factory):
    """A folder with a calibrated model, the figures of its runs and their picture."""
    folder = tmp_path_factory.mktemp("calibrated")
    kept, plot = folder / "runs.json", folder / "plot.png"
    arguments = [
        "--input",
        "prepared",
        "--sharp-only",
        "--cases",
        "five balls",
        "--json",
        kept,
        "--plot",
        plot,
    ]
    assert run("calibrate", tiny_model_folder(folder / "model"), cases, *arguments) == 0
    return folder


def test_one_command_sets_intervals_and_trust(calibrated):
    described = describe_model(calibrated / "model")
    assert (described.interval.n_cases, described.interval.cases) == (5, "five balls")
    assert (described.trust.n_cases, described.trust.cases) == (5, "five balls")
    runs = json.loads((calibrated / "runs.json").read_text())["cases"]
    assert {run["patient"] for run in runs} == {f"patient{seed}" for seed in range(5)}
    assert (calibrated / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_kept_figures_set_another_folder_alike(calibrated, model, capsys):
    assert run("calibrate", model, "--figures", calibrated / "runs.json", "--cases", "five balls") == 0
    assert describe_model(model) == describe_model(calibrated / "model")
    assert "as acquired" in capsys.readouterr().out


def test_each_case_is_also_run_with_worse_images_that_are_named(cases, model, tmp_path):
    kept = tmp_path / "runs.json"
    arguments = ["--input", "prepared", "--model", model, "--json", kept, "--only", "patient1", "--degraded"]
    assert run("evaluate", cases, *arguments) == 0
    runs = json.loads(kept.read_text())["cases"]
    assert [run["degradation"] for run in runs] == ["as acquired", "noise", "5 mm slices", "misaligned"]
    assert [run["case"] for run in runs][1] == "patient1 (noise)"
    assert {run["patient"] for run in runs} == {"patient1"}
    sharp, noisy, coarse, _ = (run["signals"]["quality"] for run in runs)
    assert noisy["noise"] > sharp["noise"]
    assert (sharp["is_coarse"], coarse["is_coarse"]) == (False, True)


def test_phantoms_for_calibration_are_none_that_training_makes(model, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        "segmentation.calibrate_command.write_phantom_cases",
        lambda folder, seeds, processes: asked.extend(seeds),
    )
    assert run("calibrate", model, "phantom:5", "--cases", "five phantoms") == 2  # none was made here
    assert "no case folders" in refusal(capsys)
    assert len(asked) == 5
    assert min(asked) > 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Give either"),
        (["phantom:many"], "phantom:N"),
        (["--figures", "nowhere.json"], "nowhere.json"),
    ],
)
def test_a_calibration_without_usable_cases_is_refused_in_one_line(model, arguments, words, capsys):
    assert run("calibrate", model, *arguments, "--cases", "none") == 2
    assert words in refusal(capsys)
    assert describe_model(model).interval is None


def test_the_belief_in_enhancing_tumour_is_set_on_cases(cases, model, capsys):
    assert describe_model(model).presence is None
    assert run("tune-presence", model, cases, "--input", "prepared", "--cases", "five balls") == 0
    rule = describe_model(model).presence
    assert (rule.n_cases, rule.cases) == (5, "five balls")
    # Networks of random weights are certain of nothing, yet the true lump must not be lost.
    assert rule.least_evidence < LEAST_EVIDENCE
    assert "0 true enhancing tumours lost" in capsys.readouterr().out


def test_too_few_cases_set_no_belief(cases, model, capsys):
    arguments = ["--only", "patient1", "--input", "prepared", "--cases", "one"]
    assert run("tune-presence", model, cases, *arguments) == 2
    assert "at least 5" in capsys.readouterr().err
    assert describe_model(model).presence is None
