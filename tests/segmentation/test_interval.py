import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.interval import (
    UNCALIBRATED_MULTIPLIER,
    VolumeBand,
    calibrate,
    interval,
    multiplier_of,
    score,
)

amounts_ml = st.floats(0, 500)


@st.composite
def bands(draw):
    ml = draw(amounts_ml)
    return VolumeBand(ml, strict_ml=ml * draw(st.floats(0, 1)), lax_ml=ml + draw(amounts_ml))


@given(bands(), st.floats(0.01, 20))
def test_limits_lie_around_the_amount_and_above_zero(band, multiplier):
    estimate = interval(band, multiplier)
    assert 0 <= estimate.low_ml <= estimate.ml <= estimate.high_ml
    assert estimate.low_ml < estimate.high_ml


@given(bands(), amounts_ml)
def test_the_score_is_the_multiplier_that_just_reaches_the_truth(band, true_ml):
    least = score(band, true_ml)
    estimate = interval(band, max(least, 0.01) * 1.0001)
    slack = 1e-6 * (1 + true_ml)
    assert estimate.low_ml - slack <= true_ml <= estimate.high_ml + slack


def test_an_amount_of_zero_has_an_interval_of_some_width():
    estimate = interval(VolumeBand(0.0, 0.0, 0.0), 2.0)
    assert estimate.low_ml == 0
    assert 0 < estimate.high_ml < 0.5


def test_the_interval_is_wider_above_where_the_lax_outline_is_larger():
    estimate = interval(VolumeBand(20.0, strict_ml=19.0, lax_ml=26.0), 1.0)
    assert estimate.high_ml - 20 > 3 * (20 - estimate.low_ml)


def test_disagreement_widens_the_interval():
    agreed = interval(VolumeBand(20.0, 19.5, 20.5), 2.0)
    disputed = interval(VolumeBand(20.0, 15.0, 27.0), 2.0)
    assert disputed.high_ml > agreed.high_ml
    assert disputed.low_ml < agreed.low_ml


def test_the_multiplier_is_the_conformal_quantile():
    assert multiplier_of([float(n) for n in range(1, 40)]) == 38.0  # ceil(40 * 0.95) of 39
    assert multiplier_of([3.0, 1.0, 2.0]) == 3.0  # too few for the level: the largest
    assert multiplier_of([0.1, 0.2]) == 1.0  # never less
    assert multiplier_of([]) == UNCALIBRATED_MULTIPLIER


def test_coverage_is_counted_on_cases_left_out():
    figures = calibrate({"WT": [1.0, 2.0, 3.0, 4.0]}, "four cases")
    assert figures.n_cases == 4
    assert figures.multipliers["WT"] == 4.0
    assert figures.coverage["WT"] == pytest.approx(0.75)  # the largest is outside when it is left out
