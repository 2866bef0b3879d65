"""Suggested response: courses worked out by hand, and what must hold for every course."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orthanc.types import MeasuredRegion
from review.course_facts import ClinicalStatus, Event, EventKind, LesionAt, PatientFacts, Visit, VisitState
from review.response import assess
from review.response_burden import is_down_to, reaches
from review.response_profiles import MUTANT, WILDTYPE
from review.response_types import Assessment, Category, Confirmation, Measure, Window
from tests.review.response_table.read_table import KnownAnswer, day, estimate, known_answers

CASES = known_answers()
YEARS_LATER = day(3000)
TREATED = (
    Event(EventKind.SURGERY, day(5)),
    Event(EventKind.RADIOTHERAPY_START, day(20)),
    Event(EventKind.RADIOTHERAPY_END, day(44)),
)


def answers(case: KnownAnswer) -> dict[str, Assessment]:
    found = assess(case.visits, case.events, case.facts, case.profile, case.measure, case.today)
    return {one.study_uid: one for one in found}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_course_worked_out_by_hand(case: KnownAnswer) -> None:
    answer = answers(case)[case.study_uid]
    mark = "" if answer.confirmation == Confirmation.NOT_NEEDED else answer.confirmation.value
    assert (answer.category, mark) == (case.category, case.mark), f"{case.why}\n" + "\n".join(
        answer.reasoning
    )
    assert answer.is_preliminary == (case.mark in ("pending", "refuted", "unconfirmed"))
    assert answer.reasoning


def test_the_table_is_long_and_each_course_has_its_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


EDGES = {
    "nadir 0 after a complete response": {"pd-after-cr", "cr-then-speck", "cr-then-unknown-shape"},
    "the flagged scan was the nadir": {"flagged-nadir", "flagged-baseline", "flagged-baseline-takes-next"},
    "two scans on one day": {"two-scans-one-day", "two-scans-one-baseline-day"},
    "surgery or a new line of therapy between scans": {
        "second-surgery-starts-anew", "second-surgery-baseline", "new-line-starts-anew", "surgery-then-therapy",
        "new-line-without-scan-before", "scan-before-new-line-keeps-its-answer",
    },
    "no date of radiotherapy": {"rt-never-entered", "rt-never-entered-baseline", "rt-end-missing"},
    "no enhancement after resection": {
        "et-absent-after-resection", "et-appears-after-resection", "et-speck-after-resection"
    },
    "exactly 0.35 and 1.40": {
        "pd-exactly-1.40", "pd-exactly-1.40-awkward", "pr-exactly-0.35", "pr-exactly-0.35-awkward",
        "sd-just-below-1.40", "sd-just-above-0.35",
    },
    "a plate of more volume than a small ball": {"thin-plate-is-not-measurable", "small-ball-is-measurable"},
    "confirmation within 16 weeks": {"ppd-42-weeks-later", "pr-112-days-is-in-time", "pr-113-days-is-too-late"},
    "oedema is no progression": {"oedema-alone-is-nothing"},
}  # fmt: skip
"""What is easily got wrong, and the courses that show it."""


@pytest.mark.parametrize("edge", EDGES)
def test_what_is_easily_got_wrong_stands_in_the_table(edge: str) -> None:
    assert EDGES[edge] <= {case.name for case in CASES}


def visit(on: int, ml: float, **fields: object) -> Visit:
    lesion = LesionAt(1, ml, 20.0, 15.0, 8)
    volumes = {MeasuredRegion.ENHANCING_TUMOUR: estimate(ml), MeasuredRegion.OEDEMA: estimate(20.0)}
    return replace(Visit(str(on), day(on), volumes=volumes, lesions=(lesion,) if ml else ()), **fields)


def read(
    visits: list[Visit], events: tuple[Event, ...] = TREATED, today: date = YEARS_LATER
) -> list[Assessment]:
    return list(assess(visits, events, PatientFacts(), WILDTYPE, Measure.VOLUME, today))


def test_confirmed_progression_keeps_the_date_of_the_first_scan() -> None:
    found = read([visit(70, 10), visit(100, 15), visit(140, 16), visit(200, 18)])
    assert [one.progressed_on for one in found] == [None, day(100), day(100), day(100)]
    assert not any(one.is_preliminary for one in found)


def test_deterioration_after_a_rise_of_steroids_is_dated_to_the_rise() -> None:
    events = (
        *TREATED,
        Event(EventKind.STEROID_DOSE, day(60), dose_mg=2),
        Event(EventKind.STEROID_DOSE, day(150), dose_mg=8),
        Event(EventKind.CLINICAL_STATUS, day(230), status=ClinicalStatus.WORSE),
    )
    found = read([visit(70, 10), visit(170, 10), visit(230, 11)], events)
    assert [one.category for one in found] == [
        Category.BASELINE,
        Category.NOT_EVALUABLE,
        Category.PROGRESSION,
    ]
    assert found[2].progressed_on == day(150)


def test_a_missing_radiotherapy_date_leaves_the_window_unknown_and_says_so() -> None:
    found = read([visit(7, 4), visit(400, 8)], (TREATED[0],), today=day(410))
    assert found[1].window == Window.UNKNOWN
    assert any("12-week rule" in line for line in found[1].reasoning)
    assert "end of radiotherapy" in found[1].missing


def test_a_pending_confirmation_says_when_a_scan_would_count() -> None:
    found = read([visit(70, 10), visit(100, 15)], today=day(110))
    assert (found[1].confirm_from, found[1].confirm_until) == (day(128), day(212))


def test_the_reasoning_shows_the_arithmetic() -> None:
    words = " ".join(read([visit(70, 10), visit(170, 15)])[1].reasoning)
    for part in (
        "15.00 mL (13.50 to 16.50)",
        "10.00 mL (9.00 to 11.00)",
        "ratio 1.500",
        "1.40",
        str(day(70)),
    ):
        assert part in words


def test_noise_hardly_explains_a_doubling_and_may_explain_growth_between_wide_intervals() -> None:
    wide = {MeasuredRegion.ENHANCING_TUMOUR: replace(estimate(15.0), low_ml=5.0, high_ml=45.0)}
    sharp = read([visit(70, 10), visit(170, 20)])[1].probability_of_noise
    vague = read([visit(70, 10), visit(170, 15, volumes=wide)])[1].probability_of_noise
    assert sharp is not None
    assert vague is not None
    assert sharp < 0.001 < 0.1 < vague < 0.5


def test_the_growth_of_oedema_under_bevacizumab_is_said_but_not_taken_for_progression() -> None:
    late = visit(170, 10)
    late = replace(late, volumes={**late.volumes, MeasuredRegion.OEDEMA: estimate(60.0)})
    events = (*TREATED, Event(EventKind.BEVACIZUMAB_START, day(90)))
    answer = read([visit(70, 10), late], events)[1]
    assert answer.category == Category.STABLE
    assert any("bevacizumab" in line for line in answer.reasoning)


amounts = st.integers(0, 6000).map(lambda hundredths: hundredths / 100)


@st.composite
def courses(draw: st.DrawFn) -> list[Visit]:
    days = draw(st.lists(st.integers(45, 900), min_size=1, max_size=9, unique=True))
    states = st.sampled_from([VisitState.COUNTED, VisitState.COUNTED, VisitState.FLAGGED])
    return [visit(on, draw(amounts), state=draw(states)) for on in sorted(days)]


@given(courses(), st.permutations(list(TREATED)), st.integers(0, 8))
def test_neither_the_order_of_visits_nor_of_events_matters(
    visits: list[Visit], events: list[Event], turn: int
) -> None:
    turned = visits[turn % len(visits) :] + visits[: turn % len(visits)]
    assert read(turned, tuple(events)) == read(visits)


@given(courses())
def test_points_that_do_not_count_change_nothing(visits: list[Visit]) -> None:
    assert read([one for one in visits if one.counts]) == read(visits)


@given(courses(), st.sampled_from([WILDTYPE, MUTANT]), st.sampled_from(list(Measure)))
def test_every_answer_belongs_to_a_counted_visit_and_keeps_its_own_rules(
    visits: list[Visit], profile: object, measure: Measure
) -> None:
    found = assess(visits, TREATED, PatientFacts(), profile, measure, day(3000))  # type: ignore[arg-type]
    assert [one.study_uid for one in found] == [one.study_uid for one in visits if one.counts]
    for one in found:
        assert one.reasoning
        assert one.profile == profile.name  # type: ignore[attr-defined]
        assert (one.progressed_on is not None) <= (one.category == Category.PROGRESSION)
        for chance in (one.probability_of_noise, one.probability_of_progression, one.probability_of_response):
            assert chance is None or 0 <= chance <= 1


@given(courses())
def test_categories_agree_with_the_volumes(visits: list[Visit]) -> None:
    counted = [one for one in visits if one.counts]
    for index, one in enumerate(read(visits)[1:], start=1):
        ml = [other.enhancing.ml for other in counted[: index + 1] if other.enhancing]
        grown = ml[index] > 0 and reaches(ml[index], 1.40, min(ml[:index]))
        assert (one.category == Category.PROGRESSION) == grown
        fallen = ml[0] > 0 and is_down_to(ml[index], 0.35, ml[0])
        assert (one.category in (Category.PARTIAL, Category.COMPLETE)) == (fallen and not grown)


@given(amounts, amounts, st.floats(1.01, 3.0))
def test_more_disease_at_the_last_visit_never_makes_progression_go_away(
    first: float, last: float, more: float
) -> None:
    before = read([visit(70, first), visit(170, last)])[1].category
    after = read([visit(70, first), visit(170, round(last * more + 0.01, 2))])[1].category
    assert before != Category.PROGRESSION or after == Category.PROGRESSION


@given(st.integers(1, 100_000))
def test_the_limits_belong_to_their_category_for_every_volume(hundredths: int) -> None:
    nadir = hundredths * 5 / 100
    assert reaches(round(nadir * 1.4, 2), 1.40, nadir)
    assert not reaches(round(nadir * 1.4, 2) - 0.01, 1.40, nadir)
    baseline = hundredths * 20 / 100
    assert is_down_to(round(baseline * 0.35, 2), 0.35, baseline)
    assert not is_down_to(round(baseline * 0.35, 2) + 0.01, 0.35, baseline)
