import json

import numpy as np
import pytest

from segmentation.calibration import calibrate_model, left_out_intervals, run_of, runs_in
from segmentation.calibration_plot import write_calibration_plot
from segmentation.calibration_table import left_out_table
from segmentation.degrade import Degradation
from segmentation.errors import BadInputError
from segmentation.evaluate import LabelledCase, compare, coverage_table, report_content, spread
from segmentation.image_quality import ImageQuality
from segmentation.interval import QUANTITIES, IntervalCalibration, Signals, widening
from segmentation.measure import RegionProbabilities, reach, tumour_volumes, volume_bands
from segmentation.registry import load_model
from segmentation.segment import Detailed
from segmentation.types import ModelIdentity, Phase, Segmentation, Tissue, Trust, TrustGrade
from tests.segmentation.cascade_cases import image, prepared_scan, tiny_model_folder

MODEL = ModelIdentity("tiny", "1", is_demo=True, statement="")


def cube_zyx(first, enhancing=True):
    labels_zyx = np.zeros((40, 40, 40), np.uint8)
    labels_zyx[first : first + 20, 10:30, 10:30] = Tissue.OEDEMA
    if enhancing:
        labels_zyx[15:20, 15:20, 15:20] = Tissue.ENHANCING
    return labels_zyx


def evaluated(labels_zyx, reference_zyx, calibration=None, case="a", kind=Degradation.NONE, noise=0.0):
    labels = image(labels_zyx)
    certain = RegionProbabilities(
        *(np.isin(labels_zyx, part).astype(np.float32) for part in ((1, 2, 4), (1, 4), 4))
    )
    signals = Signals(0.93, ImageQuality(noise, is_coarse=False))
    bands = volume_bands(labels, reach(labels_zyx, certain, 0.001), widening(signals))
    result = Segmentation(
        labels,
        tumour_volumes(bands, calibration),
        MODEL,
        Phase.PREOP,
        seconds={"a": 1.5, "b": 2.0},
        trust=Trust(0.9, 0.8, 0.95, TrustGrade.GOOD),
    )
    labelled = LabelledCase(case, prepared_scan(), image(reference_zyx), Phase.PREOP, case, kind)
    return compare(labelled, Detailed(result, bands, signals, labels))


def test_a_shift_of_half_the_lesion_is_half_the_overlap():
    case = evaluated(cube_zyx(10, enhancing=False), cube_zyx(20, enhancing=False))
    assert case.dice["WT"] == pytest.approx(0.5)
    assert case.jaccard["WT"] == pytest.approx(1 / 3)
    assert case.hd95_mm["WT"] == pytest.approx(10.0)
    assert case.true_volume_ml["WT"] == pytest.approx(8.0)


def test_enhancement_where_there_is_none_scores_zero():
    case = evaluated(cube_zyx(10), cube_zyx(10, enhancing=False))
    assert case.dice["ET"] == 0
    assert evaluated(cube_zyx(10, False), cube_zyx(10, False)).dice["ET"] == 1


def test_the_report_is_strict_json_with_what_others_read(tmp_path):
    model = load_model(tiny_model_folder(tmp_path / "m"), device="cpu")
    good = evaluated(cube_zyx(10), cube_zyx(10))
    poor = evaluated(cube_zyx(10), cube_zyx(10, enhancing=False), case="b")
    content = json.loads(json.dumps(report_content(model, [good, poor], {"c": "no seg"}), allow_nan=False))
    assert content["model"]["name"] == "tiny"
    first, second = content["cases"]
    assert first["seconds"] == {"a": 1.5, "b": 2.0, "total": 3.5}
    assert set(first) >= {
        "case",
        "phase",
        "dice",
        "jaccard",
        "hd95_mm",
        "volume_ml",
        "true_volume_ml",
        "interval_ml",
        "trust",
        "warnings",
    }
    assert first["interval_ml"]["WT"][0] < first["volume_ml"]["WT"] < first["interval_ml"]["WT"][1]
    assert second["hd95_mm"]["ET"] is None
    assert content["summary"]["dice"]["ET"]["mean"] == pytest.approx(0.5)
    assert content["summary"]["hd95_mm"]["ET"]["n"] == 1
    assert content["coverage"]["WT"] == 1.0
    (low, high), found = first["interval_ml"]["WT"], first["volume_ml"]["WT"]
    assert content["half_width"]["WT"]["median"] == pytest.approx((high - low) / (2 * found))
    assert content["half_width"]["ET"]["n"] == 0  # an eighth of a millilitre
    assert "2 of 2" in coverage_table([good, poor])
    assert content["failed"] == [{"case": "c", "reason": "no seg"}]


def test_an_empty_evaluation_has_no_figures(tmp_path):
    model = load_model(tiny_model_folder(tmp_path / "m"), device="cpu")
    content = json.loads(json.dumps(report_content(model, [], {}), allow_nan=False))
    assert content["summary"]["dice"]["WT"]["mean"] is None
    assert content["coverage"]["WT"] is None


def test_spread_is_of_the_finite_values():
    assert spread([1.0, 2.0, 6.0, float("inf")]) == {
        "mean": 3.0,
        "median": 2.0,
        "sd": pytest.approx(7**0.5),
        "n": 3,
    }
    assert spread([4.0])["sd"] is None


def labelled_runs(kinds=(Degradation.NONE,)):
    """Six patients, each with more tumour than was found than the one before."""
    runs = []
    for more in (0, 1, 2, 3, 4, 9):
        reference_zyx = cube_zyx(10)
        reference_zyx[30 : 30 + more, 10:30, 10:30] = Tissue.OEDEMA
        runs += [evaluated(cube_zyx(10), reference_zyx, case=f"patient {more}", kind=kind) for kind in kinds]
    return runs


def test_a_calibration_makes_intervals_hold_the_cases_it_saw(tmp_path):
    folder = tiny_model_folder(tmp_path / "m")
    cases = labelled_runs()
    figures, trust = calibrate_model(folder, [run_of(case) for case in cases], "six cubes")
    model = load_model(folder, device="cpu")
    assert (model.interval, model.trust) == (figures, trust)
    assert (figures.n_cases, figures.cases) == (6, "six cubes")
    for name in QUANTITIES:
        assert all(case.score(name) <= figures.multipliers[name] for case in cases)
    worst_zyx = cube_zyx(10)
    worst_zyx[30:39, 10:30, 10:30] = Tissue.OEDEMA
    assert evaluated(cube_zyx(10), worst_zyx, figures).is_inside("WT")
    narrow = IntervalCalibration({name: 0.5 * m for name, m in figures.multipliers.items()}, 6, "half")
    assert not evaluated(cube_zyx(10), worst_zyx, narrow).is_inside("WT")


def test_a_calibration_on_too_few_patients_is_refused(tmp_path):
    runs = [run_of(case) for case in labelled_runs(tuple(Degradation))[:16]]  # of four patients
    with pytest.raises(BadInputError, match="at least 5 patients; 4"):
        calibrate_model(tiny_model_folder(tmp_path / "m"), runs, "four")


def test_a_calibration_from_written_figures_is_that_of_the_cases(tmp_path):
    model = load_model(tiny_model_folder(tmp_path / "m"), device="cpu")
    cases = labelled_runs((Degradation.NONE, Degradation.NOISE))
    halves = [report_content(model, cases[:4], {}), report_content(model, cases[4:], {})]
    assert runs_in(json.loads(json.dumps(halves))) == [run_of(case) for case in cases]
    with pytest.raises(BadInputError, match="signals"):
        runs_in([{"cases": [{"case": "a"}]}])


def test_each_interval_is_judged_without_its_patient():
    runs = [run_of(case) for case in labelled_runs()]
    judged = left_out_intervals(runs, "WT")
    assert [one.is_inside for one in judged] == [True] * 5 + [False]  # none of the others is so far off
    assert "5/6" in left_out_table(runs)


def test_real_and_simulated_images_have_columns_of_their_own():
    table = left_out_table([run_of(case) for case in labelled_runs((Degradation.NONE, Degradation.NOISE))])
    assert "as acquired" in table
    assert "noise (simulated)" in table
    assert "misaligned" not in table


def test_the_picture_of_a_calibration_is_written(tmp_path):
    runs = [run_of(case) for case in labelled_runs(tuple(Degradation))]
    write_calibration_plot(tmp_path / "plots" / "calibration.png", runs)
    assert (tmp_path / "plots" / "calibration.png").read_bytes().startswith(b"\x89PNG")
