from __future__ import annotations

import pytest

from orthanc.series import choose_series
from orthanc.types import Role
from tests.orthanc.role_table.read_table import PARTS, known_studies

STUDIES = known_studies()
ROWS = [one for study in STUDIES for one in study.series]
SWAPS = ({Role.T1, Role.T1CE}, {Role.T2, Role.FLAIR})


def rows_of(part: str):
    """Every series of one part with what it is taken for, and whether it is picked."""
    for study in STUDIES:
        if study.part == part:
            choice = choose_series(one.header for one in study.series)
            picked = {one.series_uid for one in choice.picked.values()}
            for known in study.series:
                uid = known.header.series_uid
                yield known, choice.guesses[uid], uid in picked


def told(known, guess) -> str:
    name = known.header.description or "no name"
    return f"{known.header.series_uid} ({name}) is {known.role}, taken for {guess.role}: {guess.reason}"


def test_the_table_is_long_varied_and_misleading_enough_to_mean_something():
    assert len(ROWS) >= 730
    assert sum(one.is_misleading for one in ROWS) >= 0.1 * len(ROWS)
    assert sum(study.part != "tuned" for study in STUDIES) >= len(STUDIES) / 3
    assert {"SIEMENS", "GE", "PHILIPS", "CANON_MEC", "TOSHIBA", "UIH", "HITACHI", "ESAOTE"} <= {
        one.vendor for one in STUDIES
    }
    assert len({one.header.series_uid for one in ROWS}) == len(ROWS)
    assert {1.5, 3.0, 7.0} <= {study.field_t for study in STUDIES}


@pytest.mark.parametrize("part", PARTS)
def test_at_least_98_of_100_headers_get_their_role(part):
    rows = list(rows_of(part))
    wrong = [told(known, guess) for known, guess, _ in rows if guess.role is not known.role]
    assert len(wrong) <= 0.02 * len(rows), "\n".join(wrong)


@pytest.mark.parametrize("part", PARTS)
def test_no_series_with_contrast_is_taken_for_one_without(part):
    swapped = [
        told(known, guess)
        for known, guess, _ in rows_of(part)
        if guess.role is not known.role and {known.role, guess.role} in SWAPS
    ]
    assert not swapped, "\n".join(swapped)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_study_gets_the_series_that_a_reader_would_pick(study):
    choice = choose_series(one.header for one in study.series)
    wanted = {one.role: one.header.series_number for one in study.series if one.is_picked}
    assert {role: one.series_number for role, one in choice.picked.items()} == wanted, choice.reasons


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_series_is_explained(study):
    choice = choose_series(one.header for one in study.series)
    for one in study.series:
        uid = one.header.series_uid
        assert choice.guesses[uid].reason
        assert 0 < choice.guesses[uid].confidence < 1
        assert (uid in choice.passed_over) != (one.header in choice.picked.values())


def test_the_order_in_which_series_arrive_does_not_change_their_roles():
    for study in STUDIES:
        headers = [one.header for one in study.series]
        assert choose_series(headers).picked == choose_series(headers[::-1]).picked
