import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.change import (
    CORRELATION,
    change_between,
    probability_ratio_at_least,
    probability_ratio_at_most,
)
from segmentation.interval import OFFSET_ML
from segmentation.types import VolumeEstimate

GROWTH, SHRINKAGE = 1.40, 0.35
"""The thresholds of RANO 2.0 by volume."""


@st.composite
def estimates(draw):
    ml = draw(st.one_of(st.just(0.0), st.floats(0.01, 300)))
    return VolumeEstimate(ml, low_ml=ml * draw(st.floats(0, 1)), high_ml=ml + draw(st.floats(0.01, 100)))


correlations = st.floats(-0.5, 0.95)


@given(estimates(), estimates(), correlations)
def test_limits_lie_around_the_change(earlier, later, correlation):
    change = change_between(earlier, later, correlation)
    assert change.difference_ml == later.ml - earlier.ml
    assert change.low_ml <= change.difference_ml <= change.high_ml
    if earlier.ml == 0:
        assert (change.ratio, change.low_ratio, change.high_ratio) == (None, None, None)
    else:
        assert change.ratio == later.ml / earlier.ml
        assert 0 <= change.low_ratio <= change.ratio
        assert change.high_ratio is None or change.high_ratio >= change.ratio


@given(estimates(), estimates(), st.floats(0.01, 5), correlations)
def test_at_least_and_at_most_share_all_the_probability(earlier, later, ratio, correlation):
    at_least = probability_ratio_at_least(earlier, later, ratio, correlation)
    at_most = probability_ratio_at_most(earlier, later, ratio, correlation)
    assert 0 <= at_least <= 1
    assert at_least + at_most == pytest.approx(1)


@given(estimates(), estimates(), correlations)
def test_a_higher_threshold_is_less_likely_passed(earlier, later, correlation):
    chances = [
        probability_ratio_at_least(earlier, later, ratio, correlation) for ratio in (0, 0.35, 1, 1.4, 5)
    ]
    assert chances == sorted(chances, reverse=True)


@given(st.floats(1, 200), st.floats(1, 200), st.floats(0.02, 0.3), correlations)
def test_the_limits_of_the_ratio_are_where_the_probability_says(ml, later_ml, spread, correlation):
    earlier, later = symmetric(ml, spread), symmetric(later_ml, spread)
    change = change_between(earlier, later, correlation)
    at_low = probability_ratio_at_least(earlier, later, change.low_ratio, correlation)
    assert change.high_ratio is not None
    at_high = probability_ratio_at_least(earlier, later, change.high_ratio, correlation)
    assert (at_low, at_high) == (pytest.approx(0.975, abs=1e-3), pytest.approx(0.025, abs=1e-3))


def symmetric(ml, spread):
    """An estimate whose error has the same standard deviation both ways, in log units."""
    half = 1.959964 * spread
    low_ml = (ml + OFFSET_ML) * np.exp(-half) - OFFSET_ML
    return VolumeEstimate(ml, max(0.0, low_ml), (ml + OFFSET_ML) * np.exp(half) - OFFSET_ML)


def test_equal_spreads_add_as_independent_normals_do():
    large = [symmetric(ml, 0.1) for ml in (5e4, 6e4)]  # so large that the offset is nothing
    change = change_between(*large, correlation=0.0)
    assert change.high_ratio / change.ratio == pytest.approx(np.exp(1.959964 * 0.1 * np.sqrt(2)), rel=1e-3)
    assert change.ratio / change.low_ratio == pytest.approx(np.exp(1.959964 * 0.1 * np.sqrt(2)), rel=1e-3)


def test_errors_that_the_visits_share_cancel():
    visits = symmetric(20, 0.1), symmetric(22, 0.1)
    widths = [
        change.high_ml - change.low_ml
        for change in (change_between(*visits, correlation=c) for c in (0.0, 0.3, 0.6, 0.9))
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.4 * widths[0]


def test_an_interval_that_is_wider_above_makes_the_change_wider_above():
    change = change_between(VolumeEstimate(20, 19.5, 20.5), VolumeEstimate(20, 19, 30))
    assert change.high_ml > 4 * -change.low_ml


def test_a_precise_pair_decides_and_a_vague_one_does_not():
    assert probability_ratio_at_least(symmetric(10, 0.03), symmetric(18, 0.03), GROWTH) > 0.99
    assert probability_ratio_at_least(symmetric(10, 0.03), symmetric(10, 0.03), GROWTH) < 0.01
    assert 0.1 < probability_ratio_at_least(symmetric(10, 0.5), symmetric(10, 0.5), GROWTH) < 0.4


def test_disease_from_nothing_has_a_probability_but_no_ratio():
    nothing = VolumeEstimate(0, 0, 0.2)
    assert probability_ratio_at_least(nothing, symmetric(5, 0.1), GROWTH) > 0.99
    assert probability_ratio_at_most(symmetric(5, 0.1), nothing, SHRINKAGE) > 0.99
    assert probability_ratio_at_least(nothing, nothing, GROWTH) < 0.6
    assert change_between(nothing, symmetric(5, 0.1)).ratio is None


def test_an_earlier_amount_that_may_have_been_nothing_leaves_the_ratio_open_above():
    change = change_between(VolumeEstimate(0.1, 0, 0.6), VolumeEstimate(2, 1.5, 2.6))
    assert change.ratio == pytest.approx(20)
    assert change.low_ratio > 1
    assert change.high_ratio is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="correlation"):
        change_between(symmetric(5, 0.1), symmetric(5, 0.1), correlation=1.0)
    with pytest.raises(ValueError, match="ratio"):
        probability_ratio_at_least(symmetric(5, 0.1), symmetric(5, 0.1), -1)


def simulated_pairs(n, correlation, seed=5):
    """Visits of known growth, measured with two-piece errors that the visits share in part."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        true_ml = np.exp(rng.uniform(np.log(2), np.log(80)))
        later_true_ml = true_ml * np.exp(rng.uniform(-1.5, 1.5))
        z, z_later = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
        yield (true_ml, later_true_ml), (_measured(rng, true_ml, z), _measured(rng, later_true_ml, z_later))


def _measured(rng, true_ml, deviation):
    below, above = rng.uniform(0.04, 0.12, 2)
    ml = np.exp(np.log(true_ml + OFFSET_ML) - deviation * (below if deviation < 0 else above)) - OFFSET_ML
    ends = np.exp(np.log(ml + OFFSET_ML) + 1.959964 * np.array([-below, above])) - OFFSET_ML
    return VolumeEstimate(max(0.0, ml), max(0.0, ends[0]), ends[1])


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7])
def test_known_growth_lies_in_the_interval_of_the_change_as_often_as_stated(correlation):
    inside_ml, inside_ratio = [], []
    for (true_ml, later_true_ml), pair in simulated_pairs(800, correlation):
        change = change_between(*pair, correlation)
        inside_ml.append(change.low_ml <= later_true_ml - true_ml <= change.high_ml)
        inside_ratio.append(change.low_ratio <= later_true_ml / true_ml <= change.high_ratio)
    # 800 draws at 0.95 have a standard deviation of 0.008.
    assert np.mean(inside_ml) == pytest.approx(0.95, abs=0.025)
    assert np.mean(inside_ratio) == pytest.approx(0.95, abs=0.025)


def test_assuming_less_correlation_than_there_is_errs_on_the_wide_side():
    inside = []
    for (true_ml, later_true_ml), pair in simulated_pairs(500, correlation=0.8):
        change = change_between(*pair, CORRELATION)
        inside.append(change.low_ml <= later_true_ml - true_ml <= change.high_ml)
    assert np.mean(inside) > 0.96


@pytest.mark.parametrize(
    ("probability", "ratio"), [(probability_ratio_at_least, GROWTH), (probability_ratio_at_most, SHRINKAGE)]
)
def test_a_probability_of_passing_a_threshold_comes_true_as_often_as_it_says(probability, ratio):
    stated, passed = [], []
    for (true_ml, later_true_ml), pair in simulated_pairs(6000, CORRELATION):
        stated.append(probability(*pair, ratio))
        growth = later_true_ml / true_ml
        passed.append(growth >= ratio if probability is probability_ratio_at_least else growth <= ratio)
    stated, passed = np.array(stated), np.array(passed)
    for low, high in ((0, 0.05), (0.05, 0.35), (0.35, 0.65), (0.65, 0.95), (0.95, 1.01)):
        within = (stated >= low) & (stated < high)
        expected = stated[within].mean()
        drawn = np.sqrt(expected * (1 - expected) / within.sum())
        assert passed[within].mean() == pytest.approx(expected, abs=3.5 * drawn)
