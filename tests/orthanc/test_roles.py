from __future__ import annotations

from dataclasses import replace

import pytest

from orthanc.roles import guess_role
from orthanc.types import Role, SeriesHeader

T1, T1CE, T2, FLAIR, NONE = Role.T1, Role.T1CE, Role.T2, Role.FLAIR, Role.NONE
GD = "Gadovist"

# description, pulse (scanning sequence / sequence name), TR, TE, TI, contrast agent, role
SIEMENS = [
    ("t1_mprage_sag_p2_iso", "GR\\IR/*tfl3d1_16", 2300, 2.98, 900, "", T1),
    ("t1_mprage_sag_p2_iso_KM", "GR\\IR/*tfl3d1_16", 2300, 2.98, 900, GD, T1CE),
    ("SAG T1 MPRAGE POST GAD", "GR\\IR/*tfl3d1_16", 2200, 4, 900, "", T1CE),
    ("t1_mpr_sag_iso_post", "GR\\IR/*tfl3d1_16", 1900, 2.5, 900, GD, T1CE),
    ("t1_se_tra_nativ", "SE/*se2d1", 500, 10, None, "", T1),
    ("t1_se_tra nach KM", "SE/*se2d1", 500, 10, None, "", T1CE),
    ("t1_space_sag_p2_iso post GD", "SE/*spc_57ns", 700, 11, None, GD, T1CE),
    ("AX T1 2D PRE", "SE/*se2d1", 715, 12, None, "", T1),
    ("t1_fl2d_tra", "GR/*fl2d1", 250, 2.5, None, "", T1),
    ("t1_vibe_tra_dyn KM", "GR/*fl3d1", 5.1, 2.4, None, GD, T1CE),
    ("t1_tirm_tra_dark-fluid", "IR/*tir2d1_11", 2000, 9, 860, "", T1),
    ("t2_space_da-fl_sag_p2_iso", "SE\\IR/*spcir_278ns", 6000, 325, 1800, "", FLAIR),
    ("t2_space_dark-fluid_sag_p3", "SE\\IR/*spcir_278ns", 5000, 388, 1800, "", FLAIR),
    ("t2_tirm_tra_dark-fluid_fs", "IR/*tir2d1_16", 9000, 89, 2500, "", FLAIR),
    ("FLAIR tra nach KM", "IR/*tir2d1_16", 9000, 89, 2500, GD, FLAIR),
    ("t2_tse_tra_512", "SE/*tse2d1_15", 5460, 81, None, "", T2),
    ("t2_space_sag_iso", "SE/*spc_282ns", 3200, 420, None, "", T2),
    ("t2_blade_tra", "SE/*tseB2d1_19", 4000, 112, None, "", T2),
    ("t2_tse_cor_448 POST", "SE/*tse2d1_15", 5000, 98, None, GD, T2),
    ("t2_fl2d_tra_hemo", "GR/*fl2d1", 620, 20, None, "", NONE),
    ("t2_trufi3d_ciss", "GR/*ci3d1", 7, 3, None, "", NONE),
    ("SWI_Images", "GR/*swi3d1r", 28, 20, None, "", NONE),
    ("mIP_Images(SW)", "GR/*swi3d1r", 28, 20, None, "", NONE),
    ("Pha_Images", "GR/*swi3d1r", 28, 20, None, "", NONE),
    ("ep2d_diff_3scan_trace_p2_ADC", "EP/*ep_b1000t", 6400, 98, None, "", NONE),
    ("ep2d_diff_MDDW_20_TRACEW", "EP/*ep_b1000t", 6400, 98, None, "", NONE),
    ("ep2d_perf_p2", "EP/*epfid2d1_128", 1500, 30, None, GD, NONE),
    ("relCBV", "EP/*epfid2d1_128", 1500, 30, None, GD, NONE),
    ("tof_fl3d_tra_p2_multi-slab", "GR/*fi3d1r", 22, 3.86, None, "", NONE),
    ("localizer", "GR/*fl2d1", 8.6, 4, None, "", NONE),
    ("AAHead_Scout", "GR/*fl3d1_ns", 3.15, 1.37, None, "", NONE),
    ("t1_mprage_sag KM_SUB", "GR/*tfl3d1_16", 2300, 3, 900, GD, NONE),
    ("t1_mprage KM MPR tra", "GR/*tfl3d1_16", 2300, 3, 900, GD, NONE),
    ("t1_mp2rage_sag_INV1", "GR\\IR/*tfl3d1_16", 5000, 2.98, 700, "", NONE),
    ("pd+t2_tse_tra", "SE/*tse2d2_5", 3000, 15, None, "", NONE),
    ("PhoenixZIPReport", "", None, None, None, "", NONE),
    ("svs_se_30", "/*svs_se", 2000, 30, None, "", NONE),
]
GE = [
    ("Ax T1", "SE/", 616, 12, None, "", T1),
    ("Ax T1 +C", "SE/", 616, 12, None, GD, T1CE),
    ("AX T1 FSE +GD", "SE/fse", 600, 10, None, "", T1CE),
    ("+C AX T1", "SE/", 616, 12, None, "", T1CE),
    ("Sag 3D BRAVO", "GR/efgre3d", 8.2, 3.2, 450, "", T1),
    ("Sag 3D BRAVO +C", "GR/efgre3d", 8.2, 3.2, 450, GD, T1CE),
    ("Ax FSPGR 3D POST", "GR/efgre3d", 7, 2.8, 400, GD, T1CE),
    ("SAG CUBE T1 FS +C", "SE/3dfse", 600, 13, None, GD, T1CE),
    ("Ax T1 FLAIR", "IR/memp", 2500, 24, 860, "", T1),
    ("Ax T1 FLAIR C+", "IR/memp", 2500, 24, 860, "", T1CE),
    ("Ax T2 FLAIR", "IR/fse", 9000, 120, 2250, "", FLAIR),
    ("Sag CUBE FLAIR", "IR/3dfse", 6000, 125, 1850, "", FLAIR),
    ("Ax T2 FLAIR FS +C", "IR/fse", 9000, 120, 2250, GD, FLAIR),
    ("Ax T2 FSE", "SE/fse-xl", 4500, 102, None, "", T2),
    ("AX T2 PROPELLER", "SE/propeller", 6000, 100, None, "", T2),
    ("Ax T2 CUBE", "SE/3dfse", 2500, 80, None, "", T2),
    ("Ax SWAN", "GR/swan", 45, 25, None, "", NONE),
    ("Ax GRE T2*", "GR/gre", 500, 15, None, "", NONE),
    ("Ax MPGR", "GR/mpgr", 600, 20, None, "", NONE),
    ("Ax DWI B1000", "EP/epi2", 8000, 80, None, "", NONE),
    ("Apparent Diffusion Coefficient (mm2/s)", "EP/epi2", 8000, 80, None, "", NONE),
    ("3 PL LOC SSFSE", "SE/ssfse", 1000, 80, None, "", NONE),
    ("ASSET Calibration", "GR/efgre3d", 150, 2, None, "", NONE),
    ("3D TOF MRA", "GR/tof3d", 24, 3.4, None, "", NONE),
    ("3D ASL (non-contrast)", "RM/3dasl", 4800, 10, None, "", NONE),
    ("Screen Save", "", None, None, None, "", NONE),
    ("COR T2 FIESTA-C IAC", "GR/fiesta", 6, 2, None, "", NONE),
]
PHILIPS = [
    ("T1W_SE", "SE/SE", 500, 10, None, "", T1),
    ("sT1W_3D_TFE", "GR/T1TFE", 8.1, 3.7, 1000, "", T1),
    ("sT1W_3D_TFE GADO", "GR/T1TFE", 8.1, 3.7, 1000, "", T1CE),
    ("T1 3D TFE C+", "GR/T1TFE", 8.1, 3.7, None, GD, T1CE),
    ("T1W_SE_GD", "SE/SE", 500, 10, None, "", T1CE),
    ("3D_Brain_VIEW_FLAIR_SHC", "IR/TIR", 4800, 340, 1650, "", FLAIR),
    ("sVISTA_FLAIR", "IR/TIR", 4800, 280, 1660, "", FLAIR),
    ("FLAIR_longTR CLEAR", "IR/TIR", 11000, 140, 2800, "", FLAIR),
    ("T2W_TSE CLEAR", "SE/TSE", 3000, 80, None, "", T2),
    ("T2W_TSE_DRIVE", "SE/TSE", 3000, 80, None, "", T2),
    ("T2W_FFE", "GR/FFE", 650, 16, None, "", NONE),
    ("Survey", "GR/T1FFE", 11, 4.6, None, "", NONE),
    ("DWI_3b", "SE/DwiSE", 3500, 70, None, "", NONE),
    ("dADC", "SE/DwiSE", 3500, 70, None, "", NONE),
    ("3DI_MC_HR inflow MRA", "GR/FFE", 23, 3.5, None, "", NONE),
    ("STIR_longTE COR", "IR/TSE", 4000, 60, 180, "", NONE),
]
LANGUAGES = [
    ("AX T1 sans injection", "SE/", 550, 11, None, "", T1),
    ("AX T1 après gadolinium", "SE/", 550, 11, None, "", T1CE),
    ("3D T1 INJECTÉ", "GR/", 8, 3, None, "", T1CE),
    ("T1 tra ohne KM", "SE/", 550, 11, None, "", T1),
    ("T1 tra mit Kontrastmittel", "SE/", 550, 11, None, "", T1CE),
    ("Ax T1 sin contraste", "SE/", 550, 11, None, "", T1),
    ("Ax T1 con contraste", "SE/", 550, 11, None, "", T1CE),
    ("T1 ass senza mdc", "SE/", 550, 11, None, "", T1),
    ("T1 ass con mdc", "SE/", 550, 11, None, "", T1CE),
    ("T1 AX PÓS CONTRASTE", "SE/", 550, 11, None, "", T1CE),
    ("T1 tra zonder contrast", "SE/", 550, 11, None, "", T1),
    ("AX T1 W/O CONTRAST", "SE/", 550, 11, None, "", T1),
    ("AX T1 WO", "SE/", 550, 11, None, "", T1),
    ("AX T1 W CONTRAST", "SE/", 550, 11, None, "", T1CE),
    ("t1 cgd", "SE/", 550, 11, None, "", T1CE),
    ("T1c", "SE/", 550, 11, None, "", T1CE),
    ("AX T1 POST OP", "SE/", 550, 11, None, "", T1),
    ("AX T1 POST FOSSA", "SE/", 550, 11, None, "", T1),
    ("T2 tra ohne KM", "SE/", 4500, 100, None, "", T2),
]
SILENT_OR_WRONG = [
    ("", "SE/", 550, 11, None, "", T1),
    ("Series 7", "GR/", 8, 3, 450, GD, T1CE),
    ("AX BRAIN", "IR/", 9000, 120, 2400, "", FLAIR),
    ("AX BRAIN", "SE/", 4500, 100, None, "", T2),
    ("T2 AXIAL", "SE/", 550, 11, None, "", T1),
    ("AX T1", "IR/", 9000, 120, 2400, "", FLAIR),
    ("AX T2", "IR/", 9000, 120, 2400, "", FLAIR),
    ("AX FLAIR", "", None, None, None, "", FLAIR),
    ("AX T2", "", None, None, None, "", T2),
    ("AX T1 GD", "", None, None, None, "", T1CE),
    ("AX FLAIR", "SE/", 8000, 120, None, "", FLAIR),
    ("AX BRAIN", "SE/", 2500, 20, None, "", NONE),
    ("T1 C-SPINE POST", "SE/", 550, 11, None, GD, NONE),
    ("SAG T1 PITUITARY POST", "SE/", 550, 11, None, GD, NONE),
]
TABLE = [*SIEMENS, *GE, *PHILIPS, *LANGUAGES, *SILENT_OR_WRONG]


def header_of(row: tuple) -> SeriesHeader:
    description, pulse, repetition_ms, echo_ms, inversion_ms, agent, _ = row
    scanning, _, name = pulse.partition("/")
    return SeriesHeader(
        series_uid="1.2.3",
        study_uid="1.2",
        modality="MR",
        description=description,
        scanning_sequence=scanning,
        sequence_name=name,
        repetition_time_ms=repetition_ms,
        echo_time_ms=echo_ms,
        inversion_time_ms=inversion_ms,
        contrast_agent=agent,
        image_type=("ORIGINAL", "PRIMARY", "M"),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        n_images=30,
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0] or 'no words'} is {row[-1]}")
def test_a_header_gets_its_role(row):
    guess = guess_role(header_of(row))
    assert guess.role is row[-1], guess
    assert 0 < guess.confidence <= 1
    assert guess.reason


def test_the_table_is_long_enough_to_mean_something():
    assert len(TABLE) >= 80


PLAIN_T1 = header_of(("AX T1", "SE/", 550, 11, None, "", T1))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"modality": "CT"}, "CT"),
        ({"modality": ""}, "unknown"),
        ({"is_ours": True}, "this software"),
        ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.7"}, "not an MR image"),
        ({"b_value": 1000.0}, "diffusion"),
        ({"image_type": ("DERIVED", "PRIMARY", "MPR")}, "reformat"),
        ({"image_type": ("DERIVED", "SECONDARY", "SUBTRACTION")}, "subtraction"),
        ({"image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")}, "diffusion"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P", "ND")}, "phase"),
        ({"image_type": ("DERIVED", "SECONDARY", "PROJECTION IMAGE")}, "projection"),
    ],
)
def test_what_the_header_says_outright_beats_words_and_timing(changed, word):
    guess = guess_role(replace(PLAIN_T1, **changed))
    assert guess.role is NONE
    assert word in guess.reason


def test_words_and_timing_that_agree_are_surer_than_either_alone():
    both = guess_role(PLAIN_T1)
    words = guess_role(replace(PLAIN_T1, repetition_time_ms=None, echo_time_ms=None))
    timing = guess_role(replace(PLAIN_T1, description="AX BRAIN"))
    torn = guess_role(replace(PLAIN_T1, description="AX T2"))
    assert both.confidence > words.confidence > timing.confidence > torn.confidence


def test_a_wrong_description_is_named_in_the_reason():
    guess = guess_role(replace(PLAIN_T1, description="AX T2"))
    assert "called T2 but timed as T1" in guess.reason


def test_the_reason_shows_the_evidence():
    row = ("t2_space_da-fl_sag_p2_iso", "SE\\IR/*spcir_278ns", 6000, 320, 1800, "", FLAIR)
    assert guess_role(header_of(row)).reason == "TI 1800, TR 6000, TE 320, 't2_space_da-fl_sag_p2_iso'"


def test_an_examination_wide_protocol_name_does_not_make_a_t1_a_contrast_series():
    guess = guess_role(replace(PLAIN_T1, protocol_name="BRAIN W/ CONTRAST"))
    assert guess.role is T1


def test_the_protocol_name_helps_where_the_description_is_silent():
    guess = guess_role(replace(PLAIN_T1, description="4", protocol_name="t1_se_tra_KM"))
    assert guess.role is T1CE


def test_a_word_for_before_contrast_beats_an_agent_left_in_the_header():
    guess = guess_role(replace(PLAIN_T1, description="AX T1 PRE", contrast_agent=GD))
    assert guess.role is T1
    assert GD in guess.reason
