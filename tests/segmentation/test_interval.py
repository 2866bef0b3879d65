import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.image_quality import ImageQuality
from segmentation.interval import (
    LEAST_MULTIPLIER,
    MOST_ML,
    UNCALIBRATED_MULTIPLIER,
    Signals,
    VolumeBand,
    calibrate,
    conformal_quantile,
    interval,
    multiplier_of,
    score,
    widening,
)

amounts_ml = st.floats(0, 500)


@st.composite
def bands(draw):
    ml = draw(amounts_ml)
    return VolumeBand(ml, ml * draw(st.floats(0, 1)), ml + draw(amounts_ml), draw(st.floats(1, 3)))


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


def test_no_interval_reaches_beyond_half_a_brain():
    estimate = interval(VolumeBand(10.0, 0.0, 60.0, widening=8.0), 2.0)
    assert estimate.high_ml == MOST_ML
    assert interval(VolumeBand(900.0, 800.0, 950.0), 2.0).high_ml == 900.0


def test_the_multiplier_is_the_conformal_quantile():
    assert multiplier_of([float(n) for n in range(1, 40)]) == 38.0  # ceil(40 * 0.95) of 39
    assert multiplier_of([3.0, 1.0, 2.0]) == 3.0  # too few for the level: the largest
    assert multiplier_of([0.1, 0.2]) == LEAST_MULTIPLIER
    assert multiplier_of([]) == UNCALIBRATED_MULTIPLIER


def test_a_higher_level_never_asks_a_smaller_score():
    scores = [0.3, 2.0, 1.0, 0.7]
    assert [conformal_quantile(scores, level) for level in (0.2, 0.5, 0.8, 0.99)] == [0.3, 1.0, 2.0, 2.0]


def test_coverage_is_counted_on_cases_left_out():
    figures = calibrate({"WT": [1.0, 2.0, 3.0, 4.0]}, ["a", "b", "c", "d"], "four cases")
    assert figures.n_cases == 4
    assert figures.multipliers["WT"] == 4.0
    assert figures.coverage["WT"] == pytest.approx(0.75)  # the largest is outside when it is left out


def test_runs_of_one_patient_are_left_out_together():
    figures = calibrate({"WT": [1.0, 2.0, 4.0, 4.0]}, ["a", "b", "c", "c"], "three patients")
    assert figures.n_cases == 3
    assert figures.coverage["WT"] == pytest.approx(0.5)  # neither run of c vouches for the other


def widened(agreement=0.95, noise=0.0, is_coarse=False, failed_gates=()):
    return widening(Signals(agreement, ImageQuality(noise, is_coarse, failed_gates)))


@given(st.floats(0, 1), st.floats(0, 1))
def test_less_agreement_never_narrows_an_interval(agreement, other):
    lower, higher = sorted((agreement, other))
    assert widened(lower) >= widened(higher) >= 1


@given(st.floats(0, 3), st.floats(0, 3))
def test_more_noise_never_narrows_an_interval(noise, other):
    lower, higher = sorted((noise, other))
    assert 1 <= widened(noise=lower) <= widened(noise=higher)


def test_sharp_images_and_views_that_agree_widen_nothing():
    assert widened(noise=0.16) == 1


def test_each_sign_of_worse_images_widens_on_top_of_the_others():
    assert widened(is_coarse=True) == pytest.approx(1.5)
    assert widened(noise=0.4) == pytest.approx(1.3)
    assert widened(failed_gates=("snr", "similarity")) == pytest.approx(1.25**2)
    assert widened(0.7, 0.4, True, ("snr",)) == pytest.approx(widened(0.7) * 1.3 * 1.5 * 1.25)
    plain, wider = VolumeBand(20.0, 18.0, 22.0), VolumeBand(20.0, 18.0, 22.0, 1.5)
    assert interval(wider, 1.0).high_ml > interval(plain, 1.0).high_ml
    assert interval(wider, 1.0).low_ml < interval(plain, 1.0).low_ml
