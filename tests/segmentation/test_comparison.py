import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from segmentation.comparison import (
    ALL_PHASES,
    Scored,
    case_table,
    comparison_content,
    in_words,
    paired_tests,
    phase_table,
    signed_rank_p,
)
from segmentation.comparison_plot import write_plot
from segmentation.evaluate import REGIONS, CaseEvaluation
from segmentation.image_quality import ImageQuality
from segmentation.interval import Signals
from segmentation.types import Phase, TumourVolumes, VolumeEstimate

NOTHING = VolumeEstimate(0.0, 0.0, 0.0)


def scored_case(name, dice, phase=Phase.PREOP):
    return CaseEvaluation(
        case=name,
        phase=phase,
        volumes=TumourVolumes(*[NOTHING] * 5),
        trust=0.9,
        seconds={},
        warnings=(),
        dice=dict.fromkeys(REGIONS, dice),
        jaccard=dict.fromkeys(REGIONS, dice / (2 - dice)),
        hd95_mm=dict.fromkeys(REGIONS, 1.0),
        bands={},
        true_volume_ml={},
        signals=Signals(0.9, ImageQuality(noise=0.1, is_coarse=False)),
        patient=name,
    )


def model(name, *dices, phase=Phase.PREOP):
    return Scored(name, tuple(scored_case(f"case{i}", dice, phase) for i, dice in enumerate(dices)))


OLD = model("old", 0.80, 0.70, 0.60, 0.90, 0.85)
NEW = model("new", 0.82, 0.75, 0.70, 0.91, 0.89)


def one(tests, **wanted):
    (found,) = (test for test in tests if all(getattr(test, key) == value for key, value in wanted.items()))
    return found


def test_a_model_better_in_every_case_has_the_least_p_of_so_few():
    test = one(paired_tests([OLD, NEW]), region="WT", measure="dice")
    assert (test.n, test.better, test.worse) == (5, 5, 0)
    assert test.median_difference == pytest.approx(0.04)
    # All five signs alike: the least two-sided p of five cases, the same as of the sign test.
    assert test.p_value == pytest.approx(binomtest(0, 5).pvalue)


def test_a_model_against_itself_differs_in_nothing():
    assert all(test.p_value == 1.0 for test in paired_tests([OLD, replace(OLD, name="again")]))
    assert signed_rank_p([0.0, 0.0, 0.0]) == 1.0


def test_symmetric_differences_are_no_evidence():
    assert signed_rank_p([0.1, -0.1, 0.2, -0.2, 0.3, -0.3]) == pytest.approx(1.0)


def test_only_cases_of_both_models_are_paired():
    fewer = replace(NEW, cases=NEW.cases[2:])
    assert one(paired_tests([OLD, fewer]), region="ET", measure="jaccard").n == 3
    assert paired_tests([OLD, model("none")]) == []


def test_phases_are_tested_apart_and_together():
    def both(scored, shift):
        after = tuple(
            replace(case, case=f"{case.case}-post", phase=Phase.POSTOP, dice=dict.fromkeys(REGIONS, shift))
            for case in scored.cases
        )
        return replace(scored, cases=scored.cases + after)

    tests = paired_tests([both(OLD, 0.9), both(NEW, 0.8)])
    counts = {test.phase: test.n for test in tests if test.region == "TC" and test.measure == "dice"}
    assert counts == {"preop": 5, "postop": 5, ALL_PHASES: 10}
    assert one(tests, phase="postop", region="TC", measure="dice").worse == 5
    table = phase_table([both(OLD, 0.9)])
    assert "| postop | old | 5 | 0.900 (0.000) |" in table


def test_the_json_of_two_models_holds_both_reports_and_the_tests():
    content = json.loads(json.dumps(comparison_content([{"a": 1}, {"a": 2}], [OLD, NEW]), allow_nan=False))
    assert content["models"] == [{"name": "old", "a": 1}, {"name": "new", "a": 2}]
    assert {test["measure"] for test in content["comparisons"]} == {"dice", "jaccard"}
    assert set(content["comparisons"][0]) >= {"a", "b", "phase", "region", "n", "p_value"}


def test_the_tables_show_every_case_of_every_model():
    fewer = replace(NEW, cases=NEW.cases[1:])
    lines = case_table([OLD, fewer]).splitlines()
    assert len(lines) == 2 + 5
    assert lines[2].split() == ["case0", "0.800", "0.800", "0.800", "-", "-", "-"]
    assert lines[3].split() == ["case1"] + ["0.700"] * 3 + ["0.750"] * 3
    assert "preop WT dice: old 0.770, new 0.814" in in_words(paired_tests([OLD, NEW]), "dice")


def test_the_plot_is_a_picture_with_a_row_per_phase(tmp_path):
    from matplotlib.image import imread

    write_plot(tmp_path / "a" / "one.png", [OLD, NEW])
    both = replace(OLD, cases=OLD.cases + model("x", 0.5, phase=Phase.POSTOP).cases)
    write_plot(tmp_path / "two.png", [both, NEW])
    one_row, two_rows = imread(tmp_path / "a" / "one.png"), imread(tmp_path / "two.png")
    assert two_rows.shape[0] == 2 * one_row.shape[0]
    assert np.ptp(one_row[..., :3]) > 0.5  # not an empty sheet
