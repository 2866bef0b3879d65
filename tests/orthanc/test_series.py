from __future__ import annotations

from dataclasses import replace

import pytest

from orthanc.content import open_questions
from orthanc.series import choose_series
from orthanc.types import NEEDED_ROLES, Role, SeriesHeader, StudyHeader

THICK = {"n_images": 26, "spacing_between_slices_mm": 5.0, "acquisition_type": "2D"}
THIN = {"n_images": 176, "spacing_between_slices_mm": 1.0, "acquisition_type": "3D"}


def series(number: int, description: str, **more) -> SeriesHeader:
    values = {
        "modality": "MR",
        "image_type": ("ORIGINAL", "PRIMARY", "M", "DIS2D"),
        "series_date_time": f"2024011509{number:02d}00",
        "pixel_spacing_mm": 0.9,
        **THICK,
        **more,
    }
    return SeriesHeader(f"1.2.{number}", "1.2", series_number=number, description=description, **values)


def usual_study() -> list[SeriesHeader]:
    return [
        series(3, "AX T1"),
        series(4, "AX T2"),
        series(5, "AX T2 FLAIR"),
        series(9, "AX T1 POST GAD"),
        series(1, "localizer"),
    ]


def test_a_usual_study_fills_the_four_roles():
    choice = choose_series(usual_study())
    assert {role: one.series_number for role, one in choice.picked.items()} == {
        Role.T1: 3,
        Role.T2: 4,
        Role.FLAIR: 5,
        Role.T1CE: 9,
    }
    assert choice.is_complete
    assert set(choice.reasons) == set(NEEDED_ROLES)
    assert "localiser" in choice.passed_over["1.2.1"]


def test_of_two_contrast_series_the_thin_one_is_picked_and_the_reason_says_so():
    choice = choose_series([*usual_study(), series(12, "SAG T1 MPRAGE POST", **THIN)])
    assert choice.picked[Role.T1CE].series_number == 12
    assert choice.reasons[Role.T1CE] == (
        "two T1CE series: picked series 12 (176 images, 1 mm) over series 9 (26 images, 5 mm), "
        "because its slices are thin"
    )
    assert "series 12 (176 images, 1 mm) was picked: its slices are thin" in choice.passed_over["1.2.9"]


def test_of_two_equal_series_the_latest_repeat_is_picked():
    choice = choose_series([*usual_study(), series(7, "AX T2")])
    assert choice.picked[Role.T2].series_number == 7
    assert "latest repeat" in choice.passed_over["1.2.4"]


def test_a_repeat_that_was_broken_off_is_passed_over():
    choice = choose_series([*usual_study(), series(7, "AX T2", n_images=15)])
    assert choice.picked[Role.T2].series_number == 4
    assert "covers more of the head" in choice.passed_over["1.2.7"]


def test_a_distortion_corrected_series_beats_the_uncorrected_twin():
    choice = choose_series(
        [*usual_study(), series(10, "AX T1 POST GAD", image_type=("ORIGINAL", "PRIMARY", "M", "ND"))]
    )
    assert choice.picked[Role.T1CE].series_number == 9


@pytest.mark.parametrize("number", [3, 4, 5, 9])
def test_a_missing_series_is_named(number):
    choice = choose_series(one for one in usual_study() if one.series_number != number)
    words = {3: "T1 without contrast", 4: "T2", 5: "FLAIR", 9: "T1 with contrast"}
    assert len(choice.missing) == 1
    assert choice.reasons[choice.missing[0]] == f"No {words[number]} in this study (4 series seen)."


def test_a_ct_study_has_nothing_for_us():
    choice = choose_series([series(2, "HEAD", modality="CT"), series(3, "HEAD BONE", modality="CT")])
    assert choice.missing == NEEDED_ROLES
    assert choice.reasons[Role.T1] == "No T1 without contrast: the study has no MR images, only CT."


def test_a_slab_is_not_a_head():
    study = [one for one in usual_study() if one.series_number != 9]
    choice = choose_series([*study, series(9, "AX T1 POST GAD", n_images=8, spacing_between_slices_mm=3.0)])
    assert choice.missing == (Role.T1CE,)
    assert "too small" in choice.reasons[Role.T1CE]
    assert choice.passed_over["1.2.9"] == "only 24 mm of the head: not a whole head"


def test_of_two_unmarked_alike_t1_series_the_later_is_taken_for_the_one_with_contrast():
    study = [one for one in usual_study() if one.series_number not in (3, 9)]
    choice = choose_series([*study, series(9, "AX T1"), series(3, "AX T1")])
    assert choice.picked[Role.T1].series_number == 3
    assert choice.picked[Role.T1CE].series_number == 9
    assert choice.guesses["1.2.9"].confidence <= 0.5
    assert "came after" in choice.reasons[Role.T1CE]


def test_unmarked_t1_series_that_differ_stay_without_contrast():
    study = [one for one in usual_study() if one.series_number not in (3, 9)]
    choice = choose_series([*study, series(9, "AX T1", n_images=30), series(3, "AX T1")])
    assert choice.missing == (Role.T1CE,)


def test_where_every_t1_carries_the_agent_the_first_is_taken_for_the_one_before():
    study = [one for one in usual_study() if one.series_number not in (3, 9)]
    marked = {"contrast_agent": "Dotarem"}
    choice = choose_series([*study, series(9, "AX T1", **marked), series(3, "AX T1", **marked)])
    assert choice.picked[Role.T1].series_number == 3
    assert choice.picked[Role.T1CE].series_number == 9


def test_a_series_marked_as_after_contrast_is_never_called_before():
    study = [one for one in usual_study() if one.series_number not in (3, 9)]
    choice = choose_series([*study, series(9, "AX T1 GD"), series(3, "AX T1 GD")])
    assert choice.missing == (Role.T1,)


@pytest.mark.parametrize(
    ("before", "after"), [("AX T1 zqx/gad", "AX T1 yy/gad"), ("T1 kontrastita", "T1 kontrastiga")]
)
def test_a_negation_in_an_unknown_language_is_left_to_the_pixels(before, after):
    study = [one for one in usual_study() if one.series_number not in (3, 9)]
    choice = choose_series([*study, series(9, after), series(3, before)])
    assert choice.picked[Role.T1].series_number == 3
    assert choice.picked[Role.T1CE].series_number == 9
    assert open_questions(choice)


@pytest.mark.parametrize("name", ["AX T1 zqx", "AX T1 ქართული"])
def test_an_alike_t1_with_a_word_more_is_not_preferred_to_the_one_before_it(name):
    choice = choose_series([*usual_study(), series(7, name)])
    assert choice.picked[Role.T1].series_number == 3
    assert choice.guesses["1.2.7"].role is Role.T1CE
    assert choice.guesses["1.2.7"].confidence <= 0.5
    assert choice.picked[Role.T1CE].series_number == 9


@pytest.mark.parametrize("name", ["AX T1", "AX T1 rep", "AX T1 2"])
def test_a_repeat_before_contrast_stays_a_t1_and_is_preferred(name):
    choice = choose_series([*usual_study(), series(7, name)])
    assert choice.picked[Role.T1].series_number == 7


def test_an_alike_t1_whose_fat_is_suppressed_stays_a_t1():
    choice = choose_series([*usual_study(), series(7, "AX T1 FS")])
    assert choice.guesses["1.2.7"].role is Role.T1
    assert choice.picked[Role.T1].series_number == 3


def test_what_a_person_decided_beats_every_guess():
    late = series(12, "SAG T1 MPRAGE POST", **THIN)
    choice = choose_series([*usual_study(), late], told={"1.2.9": Role.T1CE, "1.2.4": Role.NONE})
    assert choice.picked[Role.T1CE].series_number == 9
    assert "chosen by a person" in choice.passed_over[late.series_uid]
    assert choice.missing == (Role.T2,)


def test_our_own_results_change_nothing():
    ours = replace(series(900, "AX T1 POST GAD overlay"), is_ours=True)
    assert choose_series([*usual_study(), ours]).picked == choose_series(usual_study()).picked


def test_the_order_in_which_series_arrive_does_not_matter():
    study = [*usual_study(), series(12, "SAG T1 MPRAGE POST", **THIN), series(7, "AX T2")]
    assert choose_series(study).picked == choose_series(reversed(study)).picked


def test_an_empty_study_misses_everything():
    assert choose_series([]).missing == NEEDED_ROLES


def test_headers_survive_json():
    header = StudyHeader("1.2", patient_id="P", series=tuple(usual_study()))
    assert StudyHeader.from_dict(header.to_dict()) == header
    assert StudyHeader.from_dict({**header.to_dict(), "of_a_later_version": 1}) == header
