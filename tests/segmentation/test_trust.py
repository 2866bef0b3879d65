import numpy as np
import pytest

from segmentation.model_description import read_description, write_description
from segmentation.registry import load_model
from segmentation.trust import calibrate_trust, trust_of
from segmentation.types import TrustGrade
from tests.segmentation.cascade_cases import tiny_model_folder


def runs(n=60, noise=0.03):
    rng = np.random.default_rng(4)
    agreements = rng.uniform(0.5, 1, n)
    dice = np.clip(0.1 + 0.85 * agreements + noise * rng.standard_normal(n), 0, 1)
    return agreements, dice, [f"patient {number // 2}" for number in range(n)]


def test_the_line_of_labelled_cases_is_found_with_their_spread():
    line = calibrate_trust(*runs(), "simulated runs")
    assert (line.intercept, line.slope) == pytest.approx((0.1, 0.85), abs=0.08)
    assert line.below == pytest.approx(1.96 * 0.03, abs=0.025)
    assert line.correlation > 0.9
    assert (line.n_cases, line.cases) == (60, "simulated runs")


def test_new_runs_lie_within_the_interval_as_often_as_stated():
    line = calibrate_trust(*runs(400), "simulated runs")
    rng = np.random.default_rng(9)
    inside = []
    for agreement in rng.uniform(0.5, 1, 500):
        true = np.clip(0.1 + 0.85 * agreement + 0.03 * rng.standard_normal(), 0, 1)
        trust = trust_of(agreement, line)
        inside.append(trust.low <= true <= trust.high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)


@pytest.mark.parametrize(
    ("agreement", "grade"), [(0.99, TrustGrade.GOOD), (0.8, TrustGrade.CHECK), (0.5, TrustGrade.POOR)]
)
def test_more_agreement_is_a_better_grade(agreement, grade):
    assert trust_of(agreement, calibrate_trust(*runs(), "simulated runs")).grade is grade


@pytest.mark.parametrize("agreement", [0.0, 0.4, 1.0])
def test_a_score_without_calibration_is_the_agreement_and_wide(agreement):
    trust = trust_of(agreement, None)
    assert trust.predicted_dice == agreement
    assert 0 <= trust.low <= agreement <= trust.high <= 1
    assert trust.high - trust.low >= 0.2


def test_a_model_keeps_its_trust_figures_and_old_ones_have_none(tmp_path):
    folder = tiny_model_folder(tmp_path / "m")
    assert load_model(folder, device="cpu").trust is None
    description, checksum = read_description(folder)
    line = calibrate_trust(*runs(), "simulated runs")
    write_description(
        folder, description.__class__(description.identity, 0, description.config, trust=line), checksum
    )
    assert load_model(folder, device="cpu").trust == line


def test_runs_that_all_agree_alike_are_expected_to_be_as_good_as_their_mean():
    line = calibrate_trust([0.9] * 6, [0.7, 0.8, 0.9, 0.7, 0.8, 0.9], list("abcdef"), "six alike")
    assert trust_of(0.9, line).predicted_dice == pytest.approx(0.8)
    assert calibrate_trust([0.9] * 6, [0.8] * 6, list("abcdef"), "six alike").correlation == 0
