"""German report texts hold no English sentence: what the product says is known by pattern, the rest is counted."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest
import SimpleITK as sitk

from orthanc.types import SeriesHeader, StudyHeader
from review.default_templates import install_default_templates
from review.german import SENTENCES, all_in_german, in_german
from review.german_course import PROFILES_DE, REASONS
from review.guard import findings
from review.macros import macros_for
from review.models import ReportTemplate, TemplateVersion
from review.response_profiles import PROFILES
from review.written import NO_OVERLAY_ON_FLAIR
from segmentation.brain_mask import cut_off_warnings
from segmentation.gates import WARN_ONLY, enforce
from segmentation.plausibility import NO_TUMOUR, implausible
from segmentation.scan_quality import brain_volume_gates, coverage_gates, mask_overlap_gate, mirror_gate
from segmentation.segment import NOT_CALIBRATED
from tests.review import factories
from tests.review.test_response import CASES, answers

ENGLISH = re.compile(r"\b(the|of|is|was|were|and|with|not|scan|check|after|before|than|it)\b")


def said_by_gates() -> list[str]:
    gates = (
        mirror_gate("T2", 99.0),
        *brain_volume_gates(700.0),
        *brain_volume_gates(2300.0),
        *coverage_gates("FLAIR", 0.9),
        mask_overlap_gate(0.5),
    )
    return list(enforce(gates, WARN_ONLY))


def said_by_guard() -> list[str]:
    words = ("Brain METS of the lung", "Meningioma", "AVM", "Sella", "iMRI", "POD1")
    series = tuple(SeriesHeader("1.1", "1", description=one) for one in words)
    study = StudyHeader(
        "1",
        study_date="20260102",
        birth_date="20200101",
        series=series,
    )
    return [one.words for one in findings(study, [date(2026, 1, 1)])]


def test_every_reason_of_the_known_courses_has_german_words() -> None:
    reasons = {line for case in CASES for answer in answers(case).values() for line in answer.reasoning}
    assert len(reasons) > 100
    translated = {line: in_german(line) for line in reasons}
    assert [line for line, german in translated.items() if german is None] == []
    assert {german for german in translated.values() if german and ENGLISH.search(german)} == set()


def test_what_gates_guard_and_stages_say_has_german_words() -> None:
    brain = np.ones((60, 60, 60), np.uint8)
    at_the_surface = np.zeros_like(brain)
    at_the_surface[:4, 10:50, 10:50] = 1
    said = [
        *said_by_gates(),
        *(one.words for one in implausible(np.zeros_like(brain), brain > 0)),
        *(one.words for one in implausible(at_the_surface, brain > 0)),
        *(NO_TUMOUR, NOT_CALIBRATED, NO_OVERLAY_ON_FLAIR),
        *cut_off_warnings(sitk.GetImageFromArray(brain)),
    ]
    assert len(said) == 11
    translated = {line: in_german(line) for line in said}
    assert [line for line, german in translated.items() if german is None] == []
    assert {german for german in translated.values() if german and ENGLISH.search(german)} == set()


def test_a_description_stays_as_the_site_wrote_it() -> None:
    told = [in_german(line) for line in said_by_guard()]
    assert None not in told
    assert "„Brain METS of the lung“ spricht von Metastasen: dafür nicht validiert" in told
    assert "Alter 6 Jahre: unter 18 Jahren nicht validiert" in told


def test_a_warning_about_one_series_keeps_its_series() -> None:
    assert in_german("T2: 3 images came twice and were used once (a, b, c and others).") == (
        "T2: 3 Bilder kamen doppelt und wurden einmal verwendet (a, b, c und weitere)"
    )


def test_what_has_no_german_words_is_counted_and_never_shown() -> None:
    told = all_in_german(["Something new happened.", NO_TUMOUR], "auf der Seite der Untersuchung")
    assert told == [
        "Kein Tumor gefunden: Alle Volumina sind null",
        "1 weitere Angabe (englisch) auf der Seite der Untersuchung",
    ]


def test_patterns_keep_their_numbers_and_profiles_their_names() -> None:
    for english, german in (*SENTENCES, *REASONS):
        gaps = [str(n) for n in range(english.count("{}"))]
        assert all(gap in german.format(*gaps) or "{3}" in german for gap in gaps), english
    assert {one.title for one in PROFILES.values()} == set(PROFILES_DE)


@pytest.mark.django_db
def test_the_whole_german_text_of_a_warned_study_is_german() -> None:
    install_default_templates(ReportTemplate, TemplateVersion)
    result = factories.make_result(
        warnings=[*said_by_gates(), "Something new happened."],
        not_validated=[{"code": "x", "words": "The patient is 6 years old: not validated under 18."}],
    )
    texts = [one.text for one in macros_for(result) if one.version.template.language == "de"]
    assert texts
    for text in texts:
        assert "Alter 6 Jahre" in text
        assert not ENGLISH.search(re.sub(r"https?://\S+", "", text)), text
