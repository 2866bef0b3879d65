import numpy as np
import pytest

from segmentation.presence import LEAST_EVIDENCE
from segmentation.presence_tuning import EnhancingCase, Piece, choose, enhancing_case, judge, left_out_choices
from segmentation.types import Tissue
from tests.segmentation.cascade_cases import image

FAITHFUL = EnhancingCase("faithful", (Piece(5.0, 1000, 900),), 1000)
FAINT = EnhancingCase("faint", (Piece(1.5, 400, 300), Piece(0.2, 100, 0)), 350)
MADE_UP = EnhancingCase("made up", (Piece(0.9, 800, 0),), 0)


def test_the_limit_lies_between_made_up_and_true_pieces():
    chosen = choose([FAITHFUL, FAINT, MADE_UP])
    assert 0.9 < chosen.least_evidence < 1.5
    assert chosen.least_evidence == pytest.approx(1.2)
    assert chosen.lost == 0
    assert chosen.mean_dice == pytest.approx((2 * 900 / 2000 + 2 * 300 / 750 + 1) / 3)


def test_the_limit_lies_in_the_widest_gap_of_those_that_do_as_well():
    speckled = EnhancingCase(
        "speckled", (Piece(4.0, 5000, 4800), Piece(1.4, 40, 40), Piece(0.9, 35, 0)), 5000
    )
    assert 1.4 < choose([speckled]).least_evidence < 4.0
    assert choose([EnhancingCase("nothing", (), 0)]).least_evidence == LEAST_EVIDENCE


def test_a_true_tumour_is_not_given_up_for_the_overlap_of_others():
    fainter = EnhancingCase("fainter", (Piece(0.5, 100, 60),), 100)
    others = [EnhancingCase(f"none {number}", (Piece(0.9, 800, 0),), 0) for number in range(4)]
    assert judge([fainter, *others], 1.2).mean_dice > judge([fainter, *others], 0.4).mean_dice
    assert choose([fainter, *others]).lost == 0


def test_what_no_network_outlined_cannot_be_lost():
    unseen = EnhancingCase("unseen", (), 500)
    assert not unseen.loses_all_from(9.0)
    assert unseen.dice_from(0.0) == 0
    assert EnhancingCase("nothing", (), 0).dice_from(0.0) == 1


def test_less_than_thirty_voxels_in_all_are_nothing():
    assert EnhancingCase("speck", (Piece(5.0, 29, 29),), 0).dice_from(0.0) == 1


def test_each_case_is_judged_by_the_limit_of_the_others():
    assert (
        left_out_choices([FAITHFUL, FAITHFUL, FAINT, MADE_UP])[2] == 0
    )  # without it the limit is far higher


def test_pieces_are_read_off_the_image_of_evidence():
    evidence_zyx = np.full((30, 30, 30), -np.inf, np.float32)
    evidence_zyx[2:6, 2:6, 2:6] = 3.5
    evidence_zyx[10:15, 10:15, 10:15] = 1.25
    labels_zyx = np.zeros((30, 30, 30), np.uint8)
    labels_zyx[2:6, 2:6, 2:4] = Tissue.ENHANCING
    labels_zyx[20:22, 20:22, 20:22] = Tissue.ENHANCING
    labels_zyx[10:15, 10:15, 10:15] = Tissue.OEDEMA
    case = enhancing_case("a", image(evidence_zyx), image(labels_zyx))
    assert sorted(case.pieces, key=lambda one: one.voxels) == [Piece(3.5, 64, 32), Piece(1.25, 125, 0)]
    assert case.true_voxels == 40


def test_a_result_without_any_piece_is_a_case_too():
    nothing = np.full((9, 9, 9), -np.inf, np.float32)
    assert enhancing_case("a", image(nothing), image(np.zeros((9, 9, 9), np.uint8))).pieces == ()
