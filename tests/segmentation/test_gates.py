"""Gates and the policy that decides what a failed one does."""

from __future__ import annotations

import pytest

from segmentation.errors import BadInputError, GateFailedError
from segmentation.gates import DEFAULT_POLICY, Gate, OnFailure, enforce, judged

NOISY = judged("snr t2", 3.0, "", (8.0, None), "T2 is noisy.")
CUT = judged("coverage t2", 0.3, "", (0.5, None), "T2 covers only 30% of the brain.")
FINE = judged("coverage flair", 0.99, "", (0.5, None), "FLAIR covers 99% of the brain.")


def test_a_figure_within_its_limits_passes_ends_included() -> None:
    assert judged("snr t1", 8.0, "", (8.0, None), "").passed
    assert judged("brain_volume", 2800.0, "mL", (200.0, 2800.0), "").passed
    assert not judged("brain_volume", 2800.1, "mL", (200.0, 2800.0), "").passed
    assert not NOISY.passed


def test_a_gate_is_named_by_kind_and_series() -> None:
    assert NOISY.kind == "snr"
    assert Gate("brain_volume", 1400.0, "mL", 200.0, 2800.0, True, "").kind == "brain_volume"


def test_a_failed_gate_becomes_a_warning_where_the_policy_lets_it_through() -> None:
    assert enforce((NOISY, FINE)) == ("T2 is noisy.",)


def test_a_failed_gate_stops_the_study_in_words_where_the_policy_says_so() -> None:
    with pytest.raises(GateFailedError, match=r"^T2 covers only 30% of the brain\.$"):
        enforce((NOISY, CUT, FINE))


def test_the_policy_can_be_changed_by_rule() -> None:
    strict = {**DEFAULT_POLICY, "snr": OnFailure.STOP}
    with pytest.raises(GateFailedError, match="noisy"):
        enforce((NOISY,), strict)
    lenient = {**DEFAULT_POLICY, "coverage": OnFailure.WARN}
    assert enforce((CUT,), lenient) == (CUT.message,)


def test_a_gate_that_stops_is_hopeless_to_try_again() -> None:
    assert issubclass(GateFailedError, BadInputError)
